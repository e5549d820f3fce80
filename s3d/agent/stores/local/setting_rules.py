"""The validation of settings: the rules that AWS checks on a Put, as pure functions.

Each takes the payload of the operation and raises the S3Error that AWS answers. What the model
requires has been checked when the document was parsed; here is what it cannot say. The rules of
lifecycle configurations are in lifecycle_rules.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import BytesBody, Members, S3Request
from s3d.agent.s3.model import service
from s3d.agent.s3.model_overrides import MALFORMED
from s3d.agent.s3.parse import input_has_unknown_elements
from s3d.agent.s3.scalars import is_header

MAX_CORS_RULES = 100
CORS_METHODS = frozenset({"GET", "PUT", "POST", "DELETE", "HEAD"})

ENCRYPTION_ALGORITHMS = frozenset({"AES256", "aws:kms", "aws:kms:dsse"})
BLOCKABLE_TYPES = frozenset({"NONE", "SSE-C"})

_PROTOCOLS = (None, "http", "https")
_CHECKED_BY_RULES = frozenset({"Protocol"})
"""Enumerations whose unknown values have an error of their own."""


def check_elements(request: S3Request[Members]) -> None:
    """Raise MalformedXML when the document has elements that nobody here reads.

    In front of a remote, the document is passed on as it came.
    """
    body = request.body
    if isinstance(body, BytesBody) and input_has_unknown_elements(request.op, body.data):
        raise S3Error(MALFORMED.get(request.op.name, "MalformedXML"))


def payload_of(request: S3Request[Members]) -> Any:
    """The payload of a Put. Raises MalformedXML when it is missing or has unknown elements."""
    check_elements(request)
    value = request.input.get(str(service().input_of(request.op.name).payload))
    if value is None:
        raise S3Error("MalformedXML")
    return value


def checked_payload_of(request: S3Request[Members]) -> Any:
    """The payload of a Put. Raises MalformedXML, also for a value that its enumeration lacks: a
    store that kept it would not do what it says."""
    value = payload_of(request)
    given = service().input_of(request.op.name)
    if not _has_known_values(given.members[str(given.payload)].shape, value):
        raise S3Error("MalformedXML")
    return value


def _has_known_values(name: str, value: Any) -> bool:
    shape = service().shapes[name]
    if shape.enum:
        return value in shape.enum or name in _CHECKED_BY_RULES
    if shape.member is not None:
        return all(_has_known_values(shape.member.shape, one) for one in value)
    if not isinstance(value, Mapping):
        return True
    return all(_has_known_values(shape.members[key].shape, one) for key, one in value.items())


def check_accelerate(configuration: Mapping[str, Any]) -> None:
    if not configuration.get("Status"):
        raise S3Error("MalformedXML")


def check_cors(configuration: Mapping[str, Any]) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/ManageCorsUsing.html"""
    rules = configuration["CORSRules"]
    if not 1 <= len(rules) <= MAX_CORS_RULES:
        raise S3Error("MalformedXML")
    for rule in rules:
        if not rule.get("AllowedMethods") or not rule.get("AllowedOrigins"):
            raise S3Error("MalformedXML")
        for method in rule["AllowedMethods"]:
            if method not in CORS_METHODS:
                message = f"Found unsupported HTTP method in CORS config. Unsupported: {method}"
                raise S3Error("InvalidRequest", message)
        for member in ("AllowedOrigins", "AllowedHeaders"):
            for value in rule.get(member, ()):
                if value.count("*") > 1:
                    message = f'{member} "{value}" can not have more than one wildcard.'
                    raise S3Error("InvalidRequest", message)
        for value in rule.get("ExposeHeaders", ()):
            if not is_header(value, ""):
                raise S3Error("InvalidRequest", f'ExposeHeader "{value}" is not a header.')


def check_encryption(configuration: Mapping[str, Any]) -> None:
    """One rule. A KMS key needs a KMS algorithm.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_ServerSideEncryptionByDefault.html
    """
    rules = configuration["Rules"]
    if len(rules) != 1:
        raise S3Error("MalformedXML")
    blocked = (rules[0].get("BlockedEncryptionTypes") or {}).get("EncryptionType") or ()
    if not BLOCKABLE_TYPES.issuperset(blocked):
        raise S3Error("MalformedXML")
    default = rules[0].get("ApplyServerSideEncryptionByDefault") or {"SSEAlgorithm": "AES256"}
    if default["SSEAlgorithm"] not in ENCRYPTION_ALGORITHMS:
        raise S3Error("MalformedXML")
    if default.get("KMSMasterKeyID") and default["SSEAlgorithm"] == "AES256":
        message = "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms "
        message += "or aws:kms:dsse"
        raise S3Error("InvalidArgument", message, ArgumentName="ApplyServerSideEncryptionByDefault")


def check_object_lock(configuration: Mapping[str, Any]) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_DefaultRetention.html"""
    if configuration.get("ObjectLockEnabled") != "Enabled":
        raise S3Error("MalformedXML")
    if "Rule" not in configuration:
        return
    default = configuration["Rule"].get("DefaultRetention") or {}
    periods = [default[unit] for unit in ("Days", "Years") if default.get(unit) is not None]
    if not default.get("Mode") or len(periods) != 1:
        raise S3Error("MalformedXML")
    if periods[0] <= 0:
        message = "Default retention period must be a positive integer value."
        raise S3Error("InvalidArgument", message)


def check_ownership(configuration: Mapping[str, Any]) -> None:
    if len(configuration["Rules"]) != 1:
        raise S3Error("MalformedXML")


def check_website(configuration: Mapping[str, Any]) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_WebsiteConfiguration.html"""
    if configuration.get("RedirectAllRequestsTo"):
        others = {"IndexDocument", "ErrorDocument", "RoutingRules"} & configuration.keys()
        if others:
            message = f"RedirectAllRequestsTo cannot be provided with {', '.join(sorted(others))}"
            raise S3Error("InvalidArgument", message)
        _check_redirect(configuration["RedirectAllRequestsTo"])
        return
    suffix = (configuration.get("IndexDocument") or {}).get("Suffix")
    if not suffix:
        message = (
            "A value for IndexDocument Suffix must be provided if RedirectAllRequestsTo is empty"
        )
        raise S3Error("InvalidArgument", message, ArgumentName="IndexDocument")
    if "/" in suffix:
        raise S3Error("InvalidArgument", "The IndexDocument Suffix is not well formed")
    for rule in configuration.get("RoutingRules") or ():
        _check_routing(rule)


def _check_routing(rule: Mapping[str, Any]) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_RoutingRule.html"""
    redirect = rule.get("Redirect") or {}
    if {"ReplaceKeyPrefixWith", "ReplaceKeyWith"} <= redirect.keys():
        message = "You can only define ReplaceKeyPrefix or ReplaceKey but not both."
        raise S3Error("InvalidRequest", message)
    if rule.get("Condition") == {}:
        message = (
            "Condition cannot be empty. To redirect all requests without a condition, the "
            "condition element shouldn't be present."
        )
        raise S3Error("InvalidRequest", message)
    code = redirect.get("HttpRedirectCode")
    if code is not None and not _REDIRECT_CODE.fullmatch(code):
        message = f"The provided HTTP redirect code ({code}) is not valid. Valid codes are 3XX "
        raise S3Error("InvalidRequest", f"{message}except 300.")
    _check_redirect(redirect)


_REDIRECT_CODE = re.compile(r"3(?!00)[0-9]{2}")
_HOST_NAME = re.compile(r"[!-~]+")


def _check_redirect(redirect: Mapping[str, Any]) -> None:
    """Both become a part of the header Location."""
    host = redirect.get("HostName")
    if host is not None and not _HOST_NAME.fullmatch(host):
        raise S3Error("InvalidRequest", "The HostName of a redirect is not well formed.")
    if redirect.get("Protocol") not in _PROTOCOLS:
        message = (
            "Invalid protocol, protocol can be http or https. If not defined the protocol will be "
            "selected automatically."
        )
        raise S3Error("InvalidRequest", message)
