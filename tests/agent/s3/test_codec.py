"""route, parse and serialize against botocore: its client half is the oracle, without a network."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore import xform_name
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from s3d.agent.s3 import model_overrides
from s3d.agent.s3.errors import ERRORS, S3Error
from s3d.agent.s3.messages import Members, WireRequest
from s3d.agent.s3.model import operations, service
from s3d.agent.s3.parse import parse_input, parse_output
from s3d.agent.s3.routing import Address, parse_address, parse_query, route
from s3d.agent.s3.scalars import http_time
from s3d.agent.s3.serialize import serialize_error, serialize_output
from tests.agent.s3 import members

ROUTED = sorted(
    name
    for name in members.oracle().operations
    if name not in model_overrides.OFF_THE_TABLE and not service().operations[name].deprecated
)
ADDED_BY_BOTOCORE = frozenset(
    {"ChecksumAlgorithm", "ChecksumCRC32", "ClientToken", "ContentLength", "ContentMD5"}
    | {"ContentType", "EncodingType"}
)


class Answer(io.BytesIO):
    """A body as urllib3 hands it to botocore."""

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        yield self.read()


class Wire:
    """A boto3 client whose requests are kept and whose answers are given."""

    def __init__(self) -> None:
        self.client = boto3.client(
            "s3",
            endpoint_url="http://127.0.0.1:9",
            region_name="us-east-1",
            aws_access_key_id="AK",
            aws_secret_access_key="SK",
            config=Config(
                s3={"addressing_style": "path"},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                parameter_validation=False,
                retries={"max_attempts": 0},
            ),
        )
        self.client.meta.events.register("before-send.s3", self._send)
        self.answer: tuple[int, list[tuple[str, str]], bytes] = (200, [], b"")
        self.sent: AWSPreparedRequest | None = None

    def _send(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        self.sent = request
        status, headers, body = self.answer
        return AWSResponse(request.url, status, dict(headers), Answer(body))

    def ask(self, name: str, given: Members) -> Members:
        """What boto3 makes of self.answer, without what it says of HTTP."""
        answer: Members = getattr(self.client, xform_name(name))(**given)
        return {key: answer[key] for key in answer if key not in ("ResponseMetadata", "Body")}

    def request(self) -> tuple[WireRequest, Address, dict[str, str], bytes]:
        """The last request as the front door has it."""
        assert self.sent is not None
        url = urlsplit(self.sent.url)
        headers = tuple(
            (name.lower(), value.decode() if isinstance(value, bytes) else str(value))
            for name, value in self.sent.headers.items()
        )
        wire = WireRequest(self.sent.method, url.path, url.query, headers)
        body = self.sent.body or b""
        payload = body if isinstance(body, bytes) else body.read()
        return wire, parse_address(url.netloc, url.path, ()), parse_query(url.query), payload


@pytest.fixture(scope="module")
def wire() -> Wire:
    return Wire()


def as_we_have_it(name: str, given: Members) -> Members:
    """Times that S3 gives back verbatim are text with us."""
    shape = service().input_of(name)
    return {
        key: http_time(value) if shape.members[key].shape in model_overrides.VERBATIM else value
        for key, value in given.items()
    }


@pytest.mark.parametrize("name", ROUTED)
@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_botocore_and_s3d_understand_each_other(name: str, wire: Wire, data: st.DataObject) -> None:
    given = data.draw(members.inputs(name), label="input")
    output = data.draw(members.outputs(name), label="output")
    op = operations()[name]
    wire.answer = serialize_output(op, output)

    answer = wire.ask(name, given)

    request, address, query, payload = wire.request()
    found = route(request.method, address.bucket, address.key, query, dict(request.headers))
    assert found.name == name
    size = dict(request.headers).get("content-length")
    read = parse_input(
        op,
        request,
        address,
        query,
        b"" if op.streaming_input else payload,
        size=None if size is None else int(size),
    )
    expected = as_we_have_it(name, given)
    assert {key: read[key] for key in read if key in expected} == expected
    assert read.keys() - expected.keys() <= ADDED_BY_BOTOCORE
    if name != "SelectObjectContent":
        check_answer(answer, output)
    check_own_reading(name, output, wire.answer)


def check_answer(answer: Mapping[str, Any], output: Members) -> None:
    answer = {key: value for key, value in answer.items() if key != "ExpiresString"}
    if answer.get("LocationConstraint", "") is None:
        answer = {}
        output = {key: value for key, value in output.items() if value}
    assert without_empty(answer) == without_empty(output)


def check_own_reading(
    name: str, output: Members, answer: tuple[int, list[tuple[str, str]], bytes]
) -> None:
    expected = dict(output)
    if isinstance(expected.get("Expires"), datetime):
        expected["Expires"] = http_time(expected["Expires"])
    if not expected.get("LocationConstraint", "x"):
        del expected["LocationConstraint"]
    read = parse_output(operations()[name], *answer)
    assert without_empty(read) == without_empty(expected)


def without_empty(value: Members) -> Members:
    """Without top-level members that say nothing: a root element stands for an empty payload."""
    return {key: inner for key, inner in value.items() if inner not in ({}, "", None)}


REDIRECTS = frozenset({"IllegalLocationConstraintException"})
"""Errors that botocore takes as the word to try another region."""


@pytest.mark.parametrize(
    "code",
    [code for code, (status, _) in ERRORS.items() if status >= 400 and code not in REDIRECTS],
)
def test_botocore_reads_every_error(code: str, wire: Wire) -> None:
    error = S3Error(code, "what <happened> & why", BucketName="b", Size=3)
    wire.answer = serialize_error(error, "/b/k", "REQUEST")
    with pytest.raises(ClientError) as caught:
        wire.ask("GetObjectTagging", {"Bucket": "bbb", "Key": "k"})
    response = caught.value.response
    assert response["Error"]["Code"] == code
    assert response["Error"]["Message"] == "what <happened> & why"
    assert response["Error"]["BucketName"] == "b"
    assert response["ResponseMetadata"]["HTTPStatusCode"] == error.status
    assert response["Error"]["Resource"] == "/b/k"
