import pytest
from aiohttp.test_utils import make_mocked_request

from s3d.agent.frontends.control.control_call import Call, answer
from s3d.agent.s3.errors import S3Error
from s3d.shared.control import Tags


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
