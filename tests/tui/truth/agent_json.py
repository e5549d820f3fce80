"""What the agent says: the output of `s3d … --json`, run in this process."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from s3d.cli.client.control_client import ControlClient
from s3d.cli.main import execute
from s3d.shared.diagnostics import Samples

COMMANDS = {
    "status": ("status",),
    "transfers": ("transfers", "ls"),
    "queue": ("queue", "ls"),
    "cache": ("cache", "stat"),
    "entries": ("cache", "ls"),
    "pins": ("pin",),
    "folders": ("sync", "ls"),
    "mounts": ("mount", "ls"),
    "buckets": ("ls",),
    "logs": ("logs", "--lines", "5000"),
    "settings": ("config", "show", "--origin"),
}
"""Name of a source -> the command without --json. Others have arguments: see below."""
ARGUMENT_COMMANDS = {
    "level": ("ls",),
    "below": ("ls", "-r"),
    "object": ("status",),
    "versions": ("versions",),
    "size": ("du",),
    "history": ("sync", "history"),
    "conflicts": ("sync", "conflicts"),
    "plan": ("sync", "plan"),
    "bucket": ("status",),
    "check": ("sync", "check"),
    "diff": ("sync", "diff"),
    "folder": ("sync", "status"),
}
"""First word of a source with arguments, between which are tabs -> the command before those."""
_SINGLE = frozenset(
    ("status", "cache", "object", "size", "plan", "bucket", "check", "diff", "folder")
)
"""Sources that are one JSON value; all others are one value a line."""


class AgentJson:
    """One look at the agent: each source is read once. now: Unix seconds of the app's clock."""

    def __init__(self, socket: Path, now: float, sources: Iterable[str] = ()) -> None:
        self._socket, self.now = socket, now
        self.read: dict[str, Any] = {}
        """The sources that were read so far."""
        self.computed: dict[str, Any] = {}
        """Those that are computed, see derived.py."""
        for source in sources:
            self.source(source)

    def source(self, name: str) -> Any:
        """The value of a source, or its list of values."""
        if name not in self.read:
            self.read[name] = self._read(name)
        return self.read[name]

    def _read(self, name: str) -> Any:
        if name == "samples":  # the rates have no command
            client = ControlClient(self._socket)
            samples = client.request("GET", "/v1/samples", Samples)
            return {each: getattr(samples, each) for each in samples.__struct_fields__}
        first, _, argument = name.partition(" ")
        command = COMMANDS.get(first) or (*ARGUMENT_COMMANDS[first], *argument.split("\t"))
        socket = () if first == "settings" else ("--socket", str(self._socket))
        lines = _run(*command, "--json", *socket)
        if first in _SINGLE:
            return lines[0] if lines else None
        return lines


def _run(*arguments: str) -> list[Any]:
    """The JSON values that a command prints, one a line. Nothing, when it fails."""
    data = io.BytesIO()
    out, err = (io.TextIOWrapper(each, write_through=True) for each in (data, io.BytesIO()))
    with redirect_stdout(out), redirect_stderr(err):
        code = execute(list(arguments))
    assert code == 0 or not data.getvalue(), (arguments, data.getvalue())
    return [json.loads(line) for line in data.getvalue().splitlines()]
