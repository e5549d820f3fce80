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
        ("[[notification_target]]\n", "name: notification_target: not set"),
        ('[[notification_target]]\nname = "hook"\n', "url: notification_target hook: not set"),
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
