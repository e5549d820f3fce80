import msgspec
import pytest
from aiohttp.test_utils import make_mocked_request

from s3d.agent.frontends.control.routing import Call, ControlError, Route, answer, problem, respond
from s3d.agent.s3.errors import S3Error
from s3d.shared.control import Problem, Tags
from s3d.shared.errors import UsageError


async def problem_of(error: Exception, **options: dict[str, str]) -> tuple[int, Problem]:
    async def fail(call):
        raise error

    request = make_mocked_request("GET", "/v1/x", **options)
    response = await respond(Route("GET", "/v1/x", fail), request)
    assert response.content_type == "application/problem+json"
    said = msgspec.json.decode(response.body, type=Problem)
    assert said.request_id == response.headers["S3d-Request-Id"]
    return response.status, said


@pytest.mark.parametrize(
    ("error", "status", "code", "retryable"),
    [
        (S3Error("NoSuchBucket", BucketName="b"), 404, "NoSuchBucket", False),
        (S3Error("AccessDenied"), 403, "AccessDenied", False),
        (S3Error("SlowDown", "no space left"), 503, "SlowDown", True),
        (UsageError("no", "because"), 400, "InvalidRequest", False),
        (ControlError(503, "TooManySubscribers", "too many"), 503, "TooManySubscribers", True),
        (KeyError("bug"), 500, "InternalError", False),
    ],
)
async def test_an_error_has_its_code_and_status(error, status, code, retryable):
    got, said = await problem_of(error)
    assert (got, said.code, said.retryable) == (status, code, retryable)
    assert said.title
    assert not said.title.endswith(".")


async def test_the_detail_names_what_it_is_about():
    _, said = await problem_of(S3Error("NoSuchBucket", BucketName="photos"))
    assert said.detail == "photos"
    assert said.hint
    _, said = await problem_of(S3Error("NoSuchKey", Key="a/b"), match_info={"bucket": "photos"})
    assert said.detail == "photos/a/b"
    _, said = await problem_of(S3Error("KeyTooLongError", Size=1025, MaxSizeAllowed=1024))
    assert said.detail == "Size: 1025, MaxSizeAllowed: 1024"


async def test_a_broken_connection_is_nobodys_answer():
    with pytest.raises(ConnectionResetError):
        await problem_of(ConnectionResetError())


def call(**query: str) -> Call:
    return Call(make_mocked_request("GET", "/v1/x"), query)


def test_a_key_is_compulsory_where_it_is_asked_for():
    assert call(key="a/b").key == "a/b"
    for without in (call(), call(key="")):
        with pytest.raises(S3Error, match="key"):
            _ = without.key


@pytest.mark.parametrize("text", ["0", "11", "-1", "1.0", "", "x", "²"])
def test_a_number_has_its_bounds(text):
    assert call().number("limit", 5, 10) == 5
    assert call(limit="10").number("limit", 5, 10) == 10
    with pytest.raises(S3Error, match="from 1 to 10"):
        call(limit=text).number("limit", 5, 10)


def test_an_answer_is_json():
    response = answer(Tags({"a": "ä"}), 201)
    assert (response.status, response.content_type) == (201, "application/json")
    assert response.body == '{"tags":{"a":"ä"}}'.encode()


def test_a_problem_without_a_request_has_no_id():
    assert "S3d-Request-Id" not in problem(404, Problem("X", "x")).headers
