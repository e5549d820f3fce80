"""The requests and answers of STS, the service that makes temporary credentials. Pure.

A request is a form (Action=AssumeRole&...), an answer an XML document.
https://docs.aws.amazon.com/STS/latest/APIReference/welcome.html
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import parse_qsl

from s3d.agent.s3 import xml
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.policy_document import parse_policy
from s3d.agent.s3.principal import Principal
from s3d.agent.s3.session_token import Session, Temporary

SERVICE = "sts"
VERSION = "2011-06-15"
NAMESPACE = f"https://sts.amazonaws.com/doc/{VERSION}/"
ACTIONS = ("AssumeRole", "GetCallerIdentity", "GetSessionToken")
MAX_FIELDS = 64
MAX_POLICY = 2_048
"""Characters. https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html"""
SHORTEST, HOUR, TWELVE_HOURS, LONGEST = 900, 3_600, 43_200, 129_600
"""Seconds that credentials may last: the least; the most of a role that a role assumes; the most of
a role, and the default of GetSessionToken; and the most of GetSessionToken."""

_ROLE_ARN = re.compile(
    r"arn:aws[a-z-]*:iam::\d{12}:role/(?:[\x21-\x7e]*/)?([\w+=,.@-]{1,64})", re.A
)
_SESSION_NAME = re.compile(r"[\w+=,.@-]{2,64}", re.A)
_DIGITS = re.compile(r"\d{1,9}", re.A)
_UNSUPPORTED = ("PolicyArns", "Tags", "TransitiveTagKeys", "SerialNumber", "TokenCode",
                "SourceIdentity", "ProvidedContexts")  # fmt: skip
"""Parameters that restrict or mark a session in ways that s3d does not: never ignored."""


class StsError(Exception):
    """An error of STS, by its own codes."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        self.code = code
        self.message = message
        self.status = status
        super().__init__(f"{code}: {message}")


class RoleUser(NamedTuple):
    """What AssumeRole answers beside the credentials."""

    arn: str
    role_id: str
    policy_size: int
    """Percent of what a policy may have."""


def parse_form(body: bytes) -> dict[str, str]:
    """The parameters of a request. Raises StsError."""
    try:
        pairs = parse_qsl(
            body.decode(),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=MAX_FIELDS,
        )
    except ValueError as error:
        raise StsError("MalformedQueryString", "The body is not a valid form.") from error
    form = dict(pairs)
    if len(form) < len(pairs):
        raise StsError("MalformedQueryString", "A parameter is given twice.")
    action = form.get("Action", "")
    if not action:
        raise StsError("MissingAction", "The request must contain the parameter Action.")
    if action not in ACTIONS or form.get("Version") != VERSION:
        version = form.get("Version", "NO_VERSION_SPECIFIED")
        message = f"Could not find operation {action} for version {version}"
        raise StsError("InvalidAction", message)
    return form


def session_token(form: Mapping[str, str], caller: Principal, now: float) -> Session:
    """The session that GetSessionToken asks for. Raises StsError."""
    if caller.parent:
        message = "Cannot call GetSessionToken with session credentials"
        raise StsError("AccessDenied", message, 403)
    _refuse_unsupported(form)
    seconds = _duration(form, TWELVE_HOURS, LONGEST)
    return Session(parent="", expires=int(now) + seconds, nonce="")


def assumed_role(form: Mapping[str, str], caller: Principal, now: float) -> Session:
    """The session that AssumeRole asks for. Raises StsError.

    s3d has no roles: any ARN is taken, and the session has the owner and the limits of the caller.
    """
    _refuse_unsupported(form)
    match = _ROLE_ARN.fullmatch(_required(form, "RoleArn"))
    if match is None or len(form["RoleArn"]) > 2_048:
        raise _invalid("roleArn", form["RoleArn"], "be the ARN of a role")
    name = _required(form, "RoleSessionName")
    if not _SESSION_NAME.fullmatch(name):
        raise _invalid("roleSessionName", name, r"satisfy regular expression pattern: [\w+=,.@-]*")
    seconds = _duration(form, HOUR, HOUR if caller.parent else TWELVE_HOURS)
    policies = (_policy(form["Policy"]),) if "Policy" in form else ()
    return Session(
        parent="",
        expires=int(now) + seconds,
        nonce="",
        role=match[1],
        name=name,
        policies=policies,
    )


def role_user(principal: Principal, session: Session) -> RoleUser:
    """The role's user of an AssumeRole."""
    size = sum(map(len, session.policies)) * 100 // MAX_POLICY
    return RoleUser(principal.arn, user_id(principal), size)


def user_id(principal: Principal) -> str:
    """The unique id of a caller: of the root user its account, of others by its prefix.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids
    """
    head, is_role, rest = principal.arn.partition(":assumed-role/")
    if is_role:
        role, _, name = rest.rpartition("/")
        return f"AROA{_digest(head + role)}:{name}"
    if principal.arn.endswith(":root"):
        return principal.account_id
    return f"AIDA{_digest(principal.arn)}"


# ---------------------------------------------------------------- answers


def identity_document(caller: Principal, request_id: str) -> bytes:
    rows = [("Arn", caller.arn), ("UserId", user_id(caller)), ("Account", caller.account_id)]
    return _document("GetCallerIdentity", _elements(rows), request_id)


def session_document(credentials: Temporary, expires: float, request_id: str) -> bytes:
    return _document("GetSessionToken", _credentials(credentials, expires), request_id)


def role_document(credentials: Temporary, expires: float, user: RoleUser, request_id: str) -> bytes:
    inside = _element(
        "AssumedRoleUser", _elements([("Arn", user.arn), ("AssumedRoleId", user.role_id)])
    )
    inside += _credentials(credentials, expires)
    if user.policy_size:
        inside += _elements([("PackedPolicySize", str(user.policy_size))])
    return _document("AssumeRole", inside, request_id)


def error_document(error: StsError, request_id: str) -> bytes:
    rows = [("Type", "Sender"), ("Code", error.code), ("Message", error.message)]
    inside = _element("Error", _elements(rows)) + _elements([("RequestId", request_id)])
    return f'<ErrorResponse xmlns="{NAMESPACE}">{inside}</ErrorResponse>\n'.encode()


def error_of(error: S3Error) -> StsError:
    """What STS answers for an error of the verification of a signature or a token."""
    code, message = _CODES.get(error.code, ("IncompleteSignature", error.message))
    status = 400 if code == "IncompleteSignature" else 403
    return StsError(code, message or error.message, status)


_INVALID_ID = ("InvalidClientTokenId", "The security token included in the request is invalid.")
_CODES: Mapping[str, tuple[str, str]] = {
    "AccessDenied": ("MissingAuthenticationToken", "Request is missing Authentication Token"),
    "ExpiredToken": ("ExpiredToken", "The security token included in the request is expired"),
    "InvalidAccessKeyId": _INVALID_ID,
    "InvalidToken": _INVALID_ID,
    "RequestTimeTooSkewed": ("SignatureDoesNotMatch", "Signature expired or not yet current."),
    "SignatureDoesNotMatch": ("SignatureDoesNotMatch", ""),
}
"""Code of S3 -> code and message of STS.
https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html"""


def _credentials(credentials: Temporary, expires: float) -> str:
    until = datetime.fromtimestamp(int(expires), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    rows = [
        ("AccessKeyId", credentials.access_key_id),
        ("SecretAccessKey", credentials.secret),
        ("SessionToken", credentials.token),
        ("Expiration", until),
    ]
    return _element("Credentials", _elements(rows))


def _document(action: str, inside: str, request_id: str) -> bytes:
    metadata = _element("ResponseMetadata", _elements([("RequestId", request_id)]))
    result = _element(f"{action}Result", inside)
    name = f"{action}Response"
    return f'<{name} xmlns="{NAMESPACE}">{result}{metadata}</{name}>\n'.encode()


def _elements(rows: Iterable[tuple[str, str]]) -> str:
    return "".join(_element(name, xml.escape(value)) for name, value in rows)


def _element(name: str, inside: str) -> str:
    return f"<{name}>{inside}</{name}>"


# ---------------------------------------------------------------- parameters


def _refuse_unsupported(form: Mapping[str, str]) -> None:
    for name in form:
        if name.partition(".")[0] in _UNSUPPORTED:
            raise StsError("ValidationError", f"s3d does not support the parameter {name}.")


def _required(form: Mapping[str, str], name: str) -> str:
    value = form.get(name)
    if not value:
        raise _invalid(name[0].lower() + name[1:], None, "not be null")
    return value


def _duration(form: Mapping[str, str], default: int, most: int) -> int:
    text = form.get("DurationSeconds", str(default))
    name = "durationSeconds"
    if not _DIGITS.fullmatch(text) or int(text) < SHORTEST:
        raise _invalid(name, text, f"have value greater than or equal to {SHORTEST}")
    if int(text) > most:
        raise _invalid(name, text, f"have value less than or equal to {most}")
    return int(text)


def _policy(text: str) -> str:
    if not 1 <= len(text) <= MAX_POLICY:
        raise _invalid("policy", None, f"have length less than or equal to {MAX_POLICY}")
    try:
        parse_policy(text, None)
    except S3Error as error:
        raise StsError("MalformedPolicyDocument", error.message) from error
    return text


def _invalid(name: str, value: str | None, constraint: str) -> StsError:
    shown = "" if value is None else f"'{value}' "
    return StsError(
        "ValidationError",
        f"1 validation error detected: Value {shown}at '{name}' failed to satisfy constraint: "
        f"Member must {constraint}",
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:17].upper()
