"""The configuration file as people write it: a template with every setting, and edits that are
checked before they count."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from s3d.shared.atomic_file import write_atomically
from s3d.shared.config.rules import FILE, settings_of
from s3d.shared.config.schema import Config, json_value
from s3d.shared.errors import S3dError, UsageError

HEAD = """\
# The configuration of s3d. Each line is a default: remove the # to change it.
# s3d config check checks the file, and s3d restart makes a running agent use it.
"""
TAIL = """\
# Folders to keep in sync, one table each. s3d sync add needs no configuration.
# [[sync_folder]]
# path = "~/notes"
# bucket = "my-bucket"
# prefix = "notes"
"""
TABLES = ("sync_folder", "notification_target", "mount", "bucket")
"""Settings that the file has as tables: there can be several."""
EDITORS = ("VISUAL", "EDITOR")


def template() -> str:
    """Every setting that the file can have, as a comment with its help and its default."""
    default, lines = Config(), [HEAD]
    for name, setting in settings_of(Config).items():
        if FILE in setting.rule.sources and name.partition(".")[0] not in TABLES:
            value = json_value(default, name)
            shown = '""' if value is None else msgspec.json.encode(value).decode()
            lines.append(f"# {setting.rule.help}. Environment: {setting.env}\n# {name} = {shown}\n")
    return "\n".join([*lines, TAIL])


def init(path: Path) -> None:
    """Write the template. Raises UsageError when there is a file already."""
    if path.exists():
        raise UsageError("the configuration file exists", str(path), "change it: s3d config edit")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_atomically(path, template().encode(), durable=True)


def edit(
    path: Path,
    env: Mapping[str, str],
    check: Callable[[Path], None],
    again: Callable[[S3dError], bool],
) -> bool:
    """Let the user edit a copy of the file, or of the template, and take it over once it is valid.

    check: raises S3dError for a file with problems. again: reports them, and says whether to edit
    once more. Returns whether the file has changed. Raises S3dError; what was edited stays then.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    before = path.read_bytes() if path.exists() else template().encode()
    draft = path.with_name(f"{path.stem}.edited.toml")
    write_atomically(draft, before, durable=False)
    while True:
        _run_editor(draft, env)
        after = draft.read_bytes()
        if after == before:
            draft.unlink()
            return False
        try:
            check(draft)
            break
        except S3dError as error:
            if not again(error):
                raise S3dError(
                    "the configuration is as before", f"your changes are in {draft}"
                ) from error
    write_atomically(path, after, durable=True)
    draft.unlink()
    return True


def _run_editor(path: Path, env: Mapping[str, str]) -> None:
    command = next((env[name] for name in EDITORS if env.get(name)), "vi")
    try:
        done = subprocess.run([*shlex.split(command), os.fspath(path)], check=False)
    except OSError as error:
        raise S3dError(
            f"cannot start the editor {command}", error.strerror or str(error), "set EDITOR"
        ) from error
    if done.returncode:
        raise S3dError(f"the editor {command} failed", f"exit code {done.returncode}")
