import msgspec
import pytest
from aiohttp.test_utils import make_mocked_request

from s3d.agent.frontends.control.control_call import Route, respond
from s3d.agent.frontends.control.problems import ControlError, problem_response
from s3d.agent.s3.errors import S3Error
from s3d.agent.stores.write_queue.journal.pending_write import NewerWritePending
from s3d.agent.sync.interfaces import RootGone, Unavailable
from s3d.shared.control import Problem
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
        (Unavailable("away"), 503, "ServiceUnavailable", True),
        (RootGone(), 409, "WrongState", False),
        (NewerWritePending("b", "k"), 409, "WrongState", False),
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


def test_a_problem_without_a_request_has_no_id():
    assert "S3d-Request-Id" not in problem_response(S3Error("NoSuchKey")).headers
