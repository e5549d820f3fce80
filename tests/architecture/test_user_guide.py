"""The tables of settings in the user guide say what the type of the configuration says."""

import re
import tomllib
from typing import Any

import pytest

from s3d.shared.config.load import load_config
from s3d.shared.config.rules import ENV, FLAG, Setting, settings_of
from s3d.shared.config.schema import Config
from s3d.shared.config.values import Secret
from s3d.shared.filters.expression import EVERYTHING
from tests.user_guide import DOCS, GUIDE, PAGES

SETTINGS = settings_of(Config)
ROWS = {
    cells[0].strip("`"): cells
    for line in GUIDE.splitlines()
    if (cells := [cell.strip() for cell in line.strip("|").split(" |")]) and len(cells) == 5
    if re.fullmatch(r"`[a-z_.]+`", cells[0])
}
UNSET = {"unset", "none"}


def default_of(setting: Setting, text: str) -> Any:
    return setting.rule.parse(text.strip("`"))


def test_the_index_lists_every_page_once():
    assert sorted(PAGES) == sorted((DOCS / "guide").iterdir())


def test_every_setting_is_documented_and_nothing_else():
    assert set(ROWS) == set(SETTINGS)


@pytest.mark.parametrize("name", SETTINGS)
def test_a_row_has_the_names_and_the_default(name):
    setting = SETTINGS[name]
    _, meaning, default, env, flag = ROWS[name]
    sources = setting.rule.sources
    assert meaning.endswith(".")
    assert env == (f"`{setting.env}`" if ENV in sources else "")
    assert flag == (f"`{setting.flag}`" if FLAG in sources else "")
    if default in UNSET:
        assert setting.default in (None, "", (), EVERYTHING)
    else:
        assert default_of(setting, default) == setting.default


def test_no_default_is_a_secret():
    assert not any(isinstance(setting.default, Secret) for setting in SETTINGS.values())


def test_the_example_files_are_right(tmp_path):
    examples = re.findall(r"^```toml\n(.*?)^```", GUIDE, re.DOTALL | re.MULTILINE)
    file, found = tmp_path / "config.toml", []
    file.touch(mode=0o600)  # one example has secrets
    for example in examples:
        assert tomllib.loads(example)
        file.write_text(example)
        found.append(load_config(file, {}, {}))
    whole, filtered, synced, mounted, notified, declared = found
    assert whole.buckets == ("photos", "backup")
    assert len(filtered.write_queue.filter.terms) == 3
    assert [bucket.name for bucket in declared.declared_buckets] == ["photos"]
    assert [folder.prefix for folder in synced.sync_folders] == ["notes/"]
    assert [mount.prefix for mount in mounted.mounts] == ["", "2026/"]
    assert [each.name for each in notified.notification_targets] == ["jobs", "builds"]


def test_exit_codes_are_those_of_the_errors():
    from s3d.cli.command_process import INTERRUPTED
    from s3d.shared import errors

    documented = {int(code) for code in re.findall(r"^\| (\d+) \|", GUIDE, re.MULTILINE)}
    ours = {
        kind.exit_code
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.S3dError)
    }
    assert documented == ours | {0, INTERRUPTED}
