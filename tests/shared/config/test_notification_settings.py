"""[[notification_target]]: names, URLs and secrets of the file."""

from __future__ import annotations

import pytest

from s3d.shared.config.load import load_config
from s3d.shared.config.rules import ConfigError

HOOK = '[[notification_target]]\nname = "hook"\nurl = "http://127.0.0.1:1/hook"\n'


@pytest.fixture
def load(tmp_path):
    def load(text: str, mode: int = 0o600):
        file = tmp_path / "config.toml"
        file.touch(mode=mode)
        file.write_text(text)
        return load_config(file, {}, {}).notification_targets

    return load


def problem(load, text: str, **options) -> str:
    with pytest.raises(ConfigError) as caught:
        load(text, **options)
    return str(caught.value)


def test_a_target_is_read_and_its_secrets_are_hidden(load):
    (target,) = load(HOOK + 'secret = "secret-of-hook"\n')
    assert (target.name, target.type, target.url) == ("hook", "webhook", "http://127.0.0.1:1/hook")
    assert target.secret.reveal() == "secret-of-hook"
    assert "secret-of-hook" not in repr(target)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[[notification_target]]\n", "notification_target: name is not set"),
        ('[[notification_target]]\nname = "hook"\n', "notification_target hook: url is not set"),
        (HOOK + HOOK, "another target has this name"),
        (HOOK + 'type = "pigeon"\n', "webhook, sqs"),
        (HOOK + 'access_key_id = "AKID"\n', "or neither"),
        (HOOK + 'color = "red"\n', "unknown setting"),
        (HOOK.replace("http:", "ftp:"), "write http://HOST:PORT/PATH"),
        (HOOK.replace("127", "me:pw@127"), "must not contain credentials"),
    ],
)
def test_a_wrong_target_is_a_problem(load, text, reason):
    assert reason in problem(load, text)


def test_a_file_with_secrets_must_be_private(load):
    assert "chmod 600" in problem(load, HOOK + 'secret = "secret-of-hook"\n', mode=0o644)
    assert "secret-of-hook" not in problem(load, HOOK + 'secret = "secret-of-hook"\n', mode=0o644)
    assert load(HOOK, mode=0o644)


VARIABLES = {
    "S3D_NOTIFICATION_TARGET": "jobs",
    "S3D_NOTIFICATION_TARGET_TYPE": "sqs",
    "S3D_NOTIFICATION_TARGET_URL": "http://127.0.0.1:1/queue",
    "S3D_NOTIFICATION_TARGET_ACCESS_KEY_ID": "AKID",
    "S3D_NOTIFICATION_TARGET_SECRET_ACCESS_KEY": "secret-of-queue",
}


@pytest.mark.finding("TARGET-ENV")
def test_a_target_of_the_environment_needs_no_file():
    config = load_config(None, VARIABLES, {})
    (target,) = config.notification_targets
    assert (target.name, target.type, target.access_key_id) == ("jobs", "sqs", "AKID")
    assert target.secret_access_key.reveal() == "secret-of-queue"
    flags = {"notification_target.name": "hook", "notification_target.url": "http://127.0.0.1:1"}
    assert load_config(None, {}, flags).notification_targets[0].name == "hook"


@pytest.mark.finding("TARGET-ENV")
def test_a_target_of_the_environment_comes_after_those_of_the_file(tmp_path):
    file = tmp_path / "config.toml"
    file.write_text(HOOK)
    assert [each.name for each in load_config(file, VARIABLES, {}).notification_targets] == [
        "hook",
        "jobs",
    ]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"S3D_NOTIFICATION_TARGET": ""}, "S3D_NOTIFICATION_TARGET_URL: notification_target: name"),
        ({"S3D_NOTIFICATION_TARGET_URL": ""}, "S3D_NOTIFICATION_TARGET: notification_target jobs"),
        ({"S3D_NOTIFICATION_TARGET_ACCESS_KEY_ID": ""}, "or neither"),
        ({"S3D_NOTIFICATION_TARGET_TYPE": "pigeon"}, "webhook, sqs"),
    ],
)
def test_a_wrong_variable_is_a_problem(changes, reason):
    with pytest.raises(ConfigError) as caught:
        load_config(None, VARIABLES | changes, {})
    assert reason in str(caught.value)
    assert "secret-of-queue" not in str(caught.value)
