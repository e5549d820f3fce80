"""STS's forms and documents; tests/agent/frontends/http/test_sts_endpoint.py has an SDK's view."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from urllib.parse import urlencode

import pytest

from s3d.agent.s3 import sts_messages
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.principal import Principal
from s3d.agent.s3.session_token import Temporary
from s3d.agent.s3.sts_messages import StsError

NAMESPACE = "{https://sts.amazonaws.com/doc/2011-06-15/}"
USER = Principal("K", "f" * 64, "o", "111122223333", "arn:aws:iam::111122223333:user/ci")
CREDENTIALS = Temporary("ASIAID", "se<cret&", "tok>en")


def form(**given: str) -> dict[str, str]:
    body = urlencode({"Action": "AssumeRole", "Version": "2011-06-15", **given})
    return sts_messages.parse_form(body.encode())


def texts(document: bytes) -> dict[str, str]:
    return {
        element.tag.removeprefix(NAMESPACE): element.text or ""
        for element in ElementTree.fromstring(document).iter()
        if not len(element)
    }


def test_the_documents_are_xml_with_the_namespace_of_sts() -> None:
    user = sts_messages.RoleUser("arn", "AROA1:me", 7)
    assert texts(sts_messages.role_document(CREDENTIALS, 0.9, user, "R")) == {
        "Arn": "arn",
        "AssumedRoleId": "AROA1:me",
        "AccessKeyId": "ASIAID",
        "SecretAccessKey": "se<cret&",
        "SessionToken": "tok>en",
        "Expiration": "1970-01-01T00:00:00Z",
        "PackedPolicySize": "7",
        "RequestId": "R",
    }
    assert "PackedPolicySize" not in texts(
        sts_messages.role_document(CREDENTIALS, 0.9, user._replace(policy_size=0), "R")
    )
    error = sts_messages.error_document(StsError("Code", "<&>"), "R")
    assert texts(error) == {"Type": "Sender", "Code": "Code", "Message": "<&>", "RequestId": "R"}


@pytest.mark.parametrize(
    ("arn", "user_id"),
    [
        ("arn:aws:iam::111122223333:root", "111122223333"),
        ("arn:aws:iam::111122223333:user/ci", "AIDA"),
        ("arn:aws:sts::111122223333:assumed-role/r/me", "AROA"),
    ],
)
def test_the_unique_id_tells_the_kind_of_the_caller(arn: str, user_id: str) -> None:
    found = sts_messages.user_id(Principal("K", "f" * 64, "o", "111122223333", arn))
    assert found.startswith(user_id)
    assert found.endswith(":me") == ("assumed-role" in arn)


def test_two_sessions_of_a_role_share_its_id() -> None:
    ids = {
        sts_messages.user_id(
            Principal(name, "f" * 64, "o", "1" * 12, f"arn:aws:sts::1:assumed-role/r/{name}")
        ).partition(":")[0]
        for name in ("one", "two")
    }
    assert len(ids) == 1


@pytest.mark.parametrize(
    ("arn", "role"),
    [
        ("arn:aws:iam::123456789012:role/r", "r"),
        ("arn:aws:iam::000000000000:role/a/b/r", "r"),
        ("arn:aws-cn:iam::123456789012:role/r", "r"),
        ("arn:aws:iam::123456789012:role/x+=,.@-_", "x+=,.@-_"),
    ],
)
def test_any_role_is_taken(arn: str, role: str) -> None:
    session = sts_messages.assumed_role(form(RoleArn=arn, RoleSessionName="me"), USER, 1_000.5)
    assert (session.role, session.name, session.expires) == (role, "me", 4_600)


@pytest.mark.parametrize(
    "arn",
    ["", "r", "arn:aws:iam::1:role/r", "arn:aws:sts::123456789012:assumed-role/r/s",
     "arn:aws:iam::123456789012:role/" + "x" * 65, "arn:aws:iam::123456789012:role/a b",
     "arn:aws:iam::123456789012:role/ä", "arn:aws:iam::123456789012:role/" + "p/" * 2_000 + "r",
     "arn:aws:iam::123456789012:role/r\n"],
)  # fmt: skip
def test_what_is_no_role(arn: str) -> None:
    with pytest.raises(StsError, match="ValidationError"):
        sts_messages.assumed_role(form(RoleArn=arn, RoleSessionName="me"), USER, 0.0)


def test_errors_of_the_signature_have_the_codes_of_sts() -> None:
    for code, expected, status in [
        ("AccessDenied", "MissingAuthenticationToken", 403),
        ("InvalidAccessKeyId", "InvalidClientTokenId", 403),
        ("InvalidToken", "InvalidClientTokenId", 403),
        ("ExpiredToken", "ExpiredToken", 403),
        ("SignatureDoesNotMatch", "SignatureDoesNotMatch", 403),
        ("RequestTimeTooSkewed", "SignatureDoesNotMatch", 403),
        ("AuthorizationHeaderMalformed", "IncompleteSignature", 400),
        ("InvalidArgument", "IncompleteSignature", 400),
    ]:
        error = sts_messages.error_of(S3Error(code))
        assert (error.code, error.status) == (expected, status)
        assert error.message
