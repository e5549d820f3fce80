"""Access keys that need no request: from the environment, and from plain profiles. No botocore.

Importing botocore takes a sixth of a second of CPU and 30 MiB of memory, which an agent with such a
key does without. Everything else (roles, SSO, processes, metadata services, keys that expire) is
left to botocore, and so is every file that it may read in another way.
https://docs.aws.amazon.com/sdkref/latest/guide/feature-static-credentials.html
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from configparser import Error, RawConfigParser
from contextlib import suppress
from dataclasses import dataclass, field

DEFAULT_REGION = "us-east-1"


@dataclass(frozen=True, slots=True)
class RemoteKey:
    """An access key at the remote. The field names are those of botocore, whose signers use it."""

    access_key: str
    secret_key: str = field(repr=False)
    token: str | None = field(default=None, repr=False)
    account_id: str | None = None


_TOKENS = ("AWS_SECURITY_TOKEN", "AWS_SESSION_TOKEN")
"""The first that is set counts."""
_PROFILES = ("AWS_DEFAULT_PROFILE", "AWS_PROFILE")
"""As botocore has it, the first that is set counts."""
_LEFT = ("AWS_CREDENTIAL_EXPIRATION", *_PROFILES)
_ROLE = "AWS_WEB_IDENTITY_TOKEN_FILE"
_CONFIG = ("AWS_CONFIG_FILE", "~/.aws/config")
_CREDENTIALS = ("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials")
"""Variable with the path of a file of AWS, and the usual path."""
_KEY, _SECRET = "aws_access_key_id", "aws_secret_access_key"
_PROFILE_TOKENS = ("aws_security_token", "aws_session_token")
_DELEGATING = ("credential_", "login_", "mfa_", "role_", "source_profile", "sso_", "web_identity_")
"""How the settings begin that name another source of credentials."""

_Section = Mapping[str, str]


def static_key(environment: Mapping[str, str], profile: str = "") -> RemoteKey | None:
    """The key to sign with, read from the environment or the files of AWS. Blocks.

    profile: the one that the settings name, which comes before the environment. None: there is no
    key, or only botocore can tell.
    """
    key = None if profile else key_of_environment(environment)
    has_other = environment.get(_ROLE) or (not profile and environment.get("AWS_ACCESS_KEY_ID"))
    return key if key or has_other else _key_of_profile(environment, profile)


def static_region(environment: Mapping[str, str], profile: str = "") -> str:
    """The region of the environment or of the files of AWS, else DEFAULT_REGION; "" when only
    botocore can tell. Blocks."""
    named = "" if profile else environment.get("AWS_DEFAULT_REGION", "")
    name = profile or _profile_of(environment)
    if named:
        return named
    sections = _sections(environment, name)
    if sections is None or (not any(sections) and name != "default"):
        return ""
    config, credentials = sections
    return credentials.get("region") or config.get("region") or DEFAULT_REGION


def key_of_environment(environment: Mapping[str, str]) -> RemoteKey | None:
    """The key; None: there is none, or it takes botocore, because it expires, or because a profile
    is named, which has to exist."""
    access_key = environment.get("AWS_ACCESS_KEY_ID", "")
    secret_key = environment.get("AWS_SECRET_ACCESS_KEY", "")
    if not (access_key and secret_key) or any(environment.get(name) for name in _LEFT):
        return None
    token = next((environment[name] for name in _TOKENS if environment.get(name)), None)
    return RemoteKey(access_key, secret_key, token)


def _key_of_profile(environment: Mapping[str, str], profile: str) -> RemoteKey | None:
    sections = _sections(environment, profile or _profile_of(environment))
    if sections is None or any(name.startswith(_DELEGATING) for each in sections for name in each):
        return None
    config, credentials = sections
    section = credentials if _KEY in credentials else config
    access_key, secret_key = section.get(_KEY, ""), section.get(_SECRET, "")
    if not (access_key and secret_key):
        return None
    token = next((section[name] for name in _PROFILE_TOKENS if section.get(name)), None)
    return RemoteKey(access_key, secret_key, token)


def _profile_of(environment: Mapping[str, str]) -> str:
    return next((environment[name] for name in _PROFILES if environment.get(name)), "default")


def _sections(environment: Mapping[str, str], profile: str) -> tuple[_Section, _Section] | None:
    """What the configuration file and the file of credentials have of a profile; None when a file
    cannot be read."""
    try:
        config, credentials = (_read(environment, *each) for each in (_CONFIG, _CREDENTIALS))
        own = [name for name in config.sections() if _profile_in(name) == profile]
    except (Error, OSError, ValueError):
        return None
    merged = {name: text for section in own for name, text in config.items(section)}
    return merged, dict(credentials.items(profile)) if credentials.has_section(profile) else {}


def _profile_in(section: str) -> str:
    """The profile that a section of the configuration file describes; "" for other sections."""
    words = shlex.split(section)
    if words == ["default"]:
        return "default"
    return words[1] if len(words) == 2 and words[0] == "profile" else ""


def _read(environment: Mapping[str, str], variable: str, usual: str) -> RawConfigParser:
    """A file of AWS; empty when it does not exist. Raises Error, OSError and UnicodeError."""
    parser = RawConfigParser()
    path = os.path.expanduser(os.path.expandvars(environment.get(variable) or usual))
    with suppress(FileNotFoundError), open(path) as file:
        parser.read_file(file)
    return parser
