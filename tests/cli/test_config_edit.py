import re
import stat

import pytest

from s3d.cli.config_edit import TAIL, template
from s3d.shared.config.load import load_config
from s3d.shared.config.rules import settings_of
from s3d.shared.config.schema import Config


def test_the_template_changes_nothing(tmp_path):
    file = tmp_path / "config.toml"
    file.write_text(template())
    assert load_config(file, {}, {}) == load_config(None, {}, {})
    assert "# endpoint = " in template()


def test_each_default_of_the_template_is_valid(tmp_path):
    file = tmp_path / "config.toml"
    lines = [
        re.sub(r"^# ([\w.]+ = (?!\"\").*)$", r"\1", line)
        for line in template().partition(TAIL)[0].splitlines()
    ]
    file.write_text("\n".join(lines))
    config, default = load_config(file, {}, {}), load_config(None, {}, {})
    for name in settings_of(Config):
        section, _, key = name.rpartition(".")
        values = [getattr(each, section) if section else each for each in (config, default)]
        assert getattr(values[0], key) == getattr(values[1], key), name


def test_init_writes_once(alone):
    assert alone("config", "init").code == 0
    again = alone("config", "init")
    assert (again.code, "s3d config edit" in again.err) == (2, True)
    path = alone.home / "home/config/config.toml"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert alone("config", "check").code == 0


@pytest.fixture
def editor(alone):
    """Replaces the file by what the test says; the edited files in their order."""

    def choose(text: str) -> str:
        script = alone.home / "editor"
        script.write_text(f"#!/bin/sh\ncat > \"$1\" <<'END'\n{text}\nEND\n")
        script.chmod(0o755)
        return str(script)

    return choose


def test_edit_takes_over_what_is_valid(alone, editor):
    path = alone.home / "home/config/config.toml"
    done = alone("config", "edit", EDITOR=editor('log_level = "debug"'))
    assert (done.code, path.read_text()) == (0, 'log_level = "debug"\n')
    assert "s3d restart" in done.out
    assert alone("config", "edit", EDITOR="true").out == "nothing changed\n"
    bad = alone("config", "edit", EDITOR=editor("log_levle = 1"))
    assert (bad.code, path.read_text()) == (1, 'log_level = "debug"\n')
    assert "config.edited.toml" in bad.err
    assert "did you mean log_level" in bad.err
    assert alone("config", "edit", EDITOR="false").code == 1
    assert alone("config", "edit", EDITOR="/no/such/editor").code == 1


@pytest.mark.finding("config-show")
def test_what_is_shown_is_a_valid_file(alone):
    key = {"S3D_SECRET_ACCESS_KEY": "s" * 40, "S3D_ACCESS_KEY_ID": "A" * 20}
    shown = alone("config", "show", **key)
    path = alone.home / "home/config/config.toml"
    path.parent.mkdir(parents=True)
    path.write_text(shown.out)
    checked = alone("config", "check", **key)
    assert (checked.code, checked.err) == (0, "")
