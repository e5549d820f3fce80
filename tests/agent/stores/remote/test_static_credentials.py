"""static_key and static_region against botocore: the same, or left to it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from botocore.session import Session

from s3d.agent.stores.remote.static_credentials import (
    DEFAULT_REGION,
    RemoteKey,
    static_key,
    static_region,
)

KEY = {"AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "s"}
EXPIRING = {**KEY, "AWS_SESSION_TOKEN": "t", "AWS_CREDENTIAL_EXPIRATION": "2099-01-01T00:00:00Z"}
FILE = "aws_access_key_id = F\naws_secret_access_key = f\n"
BOTH = {"AWS_DEFAULT_PROFILE": "work", "AWS_PROFILE": "one"}
OTHER = "aws_access_key_id = O\naws_secret_access_key = o\n"


@pytest.fixture(autouse=True)
def aws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of an AWS configuration of its own, without any other source of keys."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    return tmp_path


def session(profile: str) -> Any:
    return Session(profile=profile or None)  # type: ignore[no-untyped-call]


def key_of_botocore(profile: str = "") -> RemoteKey:
    key = session(profile).get_credentials().get_frozen_credentials()
    return RemoteKey(key.access_key, key.secret_key, key.token)


@pytest.mark.parametrize(
    "env",
    [
        KEY,
        {**KEY, "AWS_SESSION_TOKEN": "t"},
        {**KEY, "AWS_SESSION_TOKEN": "t", "AWS_SECURITY_TOKEN": "first"},
        {**KEY, "AWS_SESSION_TOKEN": "", "AWS_CREDENTIAL_EXPIRATION": ""},
    ],
)
def test_the_key_of_the_environment_is_that_of_botocore(
    env: Mapping[str, str], monkeypatch: pytest.MonkeyPatch, aws: Path
) -> None:
    (aws / "credentials").write_text(f"[default]\n{FILE}")
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert static_key(os.environ) == key_of_botocore()


@pytest.mark.parametrize(
    ("config", "credentials", "env", "profile"),
    [
        ("", f"[default]\n{FILE}", {}, ""),
        (f"[default]\n{FILE}", "", {}, ""),
        (f"[default]\n{OTHER}region=eu-west-3\n", f"[default]\n{FILE}", {}, ""),
        ("[default]\nregion=eu-west-3\n", f"[default]\n{FILE}region=eu-north-1\n", {}, ""),
        ("", f"[default]\n{FILE}aws_session_token=t\n", {}, ""),
        ("", f"[default]\n{FILE}aws_security_token=u\naws_session_token=t\n", {}, ""),
        (f"[profile work]\n{OTHER}region=eu-west-1\n", f"[default]\n{FILE}", {}, "work"),
        (f'[profile "my work"]\n{OTHER}', f"[default]\n{FILE}", {}, "my work"),
        (f"[profile work]\n{OTHER}", "", {"AWS_PROFILE": "work"}, ""),
        ("", f"[work]\n{OTHER}\n[one]\n{FILE}", BOTH, ""),
        ("", f"[default]\n{FILE}", {"AWS_DEFAULT_REGION": "eu-south-1"}, ""),
        ("", f"[DEFAULT]\nregion=eu-west-3\n[default]\n{FILE}", {}, ""),
        (f"[default]\ns3 =\n  max_concurrent_requests = 3\n{FILE}", "", {}, ""),
        ("", f"[default]\n{OTHER}\n[work]\n{FILE}", KEY, "work"),
    ],
)  # fmt: skip
def test_a_plain_profile_is_that_of_botocore(
    config: str,
    credentials: str,
    env: Mapping[str, str],
    profile: str,
    aws: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (aws / "config").write_text(config)
    (aws / "credentials").write_text(credentials)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert static_key(os.environ, profile) == key_of_botocore(profile)
    expected = session(profile).get_config_variable("region") or DEFAULT_REGION
    assert static_region(os.environ, profile) == expected


@pytest.mark.parametrize(
    ("config", "env"),
    [
        ("", {}),
        ("", {"AWS_ACCESS_KEY_ID": "A"}),
        (f"[default]\n{FILE}", {"AWS_ACCESS_KEY_ID": "A"}),
        (f"[default]\n{FILE}", {**KEY, "AWS_PROFILE": "work"}),
        (f"[default]\n{FILE}", EXPIRING),
        (f"[default]\n{FILE}", {"AWS_WEB_IDENTITY_TOKEN_FILE": "/token"}),
        (f"[default]\n{FILE}role_arn=arn:aws:iam::1:role/r\nsource_profile=default\n", {}),
        (f"[default]\n{FILE}sso_session=work\n", {}),
        ("[default]\ncredential_process=true\n", {}),
        ("[default]\naws_access_key_id=A\n", {}),
        ("[default]\n[default]\n", {}),
        ("no section\n", {}),
        ("[profile 'open]\n", {}),
        (f"[default]\n{FILE}", {"AWS_PROFILE": "absent"}),
    ],
)
def test_what_only_botocore_can_tell_is_left_to_it(
    config: str, env: Mapping[str, str], aws: Path
) -> None:
    (aws / "config").write_text(config)
    assert static_key({**os.environ, **env}) is None


@pytest.mark.parametrize("env", [{}, {"AWS_DEFAULT_REGION": "eu-north-1"}])
def test_the_region_of_the_environment_is_that_of_botocore(
    env: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    expected = session("").get_config_variable("region") or DEFAULT_REGION
    assert static_region(os.environ) == expected


def test_the_region_of_a_profile_that_does_not_exist_is_left_to_botocore() -> None:
    assert static_region({**os.environ, "AWS_PROFILE": "absent"}) == ""
