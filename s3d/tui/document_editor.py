"""The properties of a bucket as JSON that a person edits: examples to begin with, a check, and the
user's own editor, for which the app is suspended."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from textual.app import App, SuspendNotSupported

from s3d.shared.control import BucketProperty

EDITORS = ("VISUAL", "EDITOR")
DEFAULT_EDITOR = "vi"

BEGINNINGS = {
    "policy": {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject",
             "Resource": "arn:aws:s3:::BUCKET/*"},
        ],
    },
    "lifecycle": {
        "Rules": [
            {"ID": "remove-old", "Status": "Enabled", "Filter": {"Prefix": "tmp/"},
             "Expiration": {"Days": 30}},
        ]
    },
    "cors": {
        "CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["https://www.example.com"]}]
    },
}  # fmt: skip
"""What is offered for a property that was never set, to be changed by the user."""


class NotEdited(Exception):
    """The editor could not be used. str(): why, and what to do."""


def editor_of(env: Mapping[str, str]) -> list[str]:
    """The command of the user's editor, without the file."""
    return shlex.split(next((env[each] for each in EDITORS if env.get(each)), DEFAULT_EDITOR))


def edit_text(app: App[Any], text: str, *, suffix: str) -> str:
    """The text as the editor has saved it. suffix: of the file, as .json. Raises NotEdited."""
    command = editor_of(os.environ)
    with tempfile.TemporaryDirectory(prefix="s3d-") as folder:
        file = Path(folder) / f"edit{suffix}"
        file.write_text(text, encoding="utf-8")
        try:
            with app.suspend():
                code = subprocess.run([*command, str(file)], check=False).returncode
        except SuspendNotSupported as error:
            raise NotEdited("this terminal cannot start an editor: use e") from error
        except OSError as error:
            raise NotEdited(f"{command[0]}: {error.strerror}; set EDITOR") from error
        if code:
            raise NotEdited(f"{command[0]} has exited with {code}: nothing was changed")
        return file.read_text(encoding="utf-8", errors="replace")


def check_json(text: str) -> str:
    """Check of a document: where it is not JSON."""
    try:
        json.loads(text)
    except ValueError as error:
        return f"not JSON: {error}"
    return ""


def text_of(edited: BucketProperty, bucket: str) -> str:
    """What the user edits: the document, or an example to begin with."""
    if edited.document or edited.name not in BEGINNINGS:
        return edited.document or '{\n  "Status": "Enabled"\n}'
    return json.dumps(BEGINNINGS[edited.name], indent=2).replace("BUCKET", bucket)


def status_of(document: str) -> str:
    return str(json.loads(document).get("Status", "")) if document else ""
