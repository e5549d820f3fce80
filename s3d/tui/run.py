"""Start the app in this terminal, or say why it cannot be."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from s3d.shared.errors import UsageError
from s3d.tui.app import S3dApp
from s3d.tui.client import SocketAgent
from s3d.tui.demo import NOW, DemoAgent
from s3d.tui.draw import ASCII, UNICODE


def check_terminal(env: Mapping[str, str], *, is_terminal: bool) -> None:
    """Raises UsageError where there is no screen to draw on."""
    hint = "s3d status and the other commands do without"
    if not is_terminal:
        raise UsageError("s3d tui needs a terminal", "this is none", hint)
    if env.get("TERM", "") in ("dumb", ""):
        raise UsageError(
            "s3d tui needs a terminal", f"TERM is {env.get('TERM') or 'not set'}", hint
        )


def run(
    socket: Path, *, demo: bool = False, readonly: bool = False, ascii: bool = False,
    color: bool = True, mouse: bool = True,
) -> None:  # fmt: skip
    """Until the person leaves. Raises UsageError."""
    check_terminal(os.environ, is_terminal=sys.stdin.isatty() and sys.stdout.isatty())
    if not color or os.environ.get("NO_COLOR"):
        os.environ["NO_COLOR"] = "1"
    glyphs = ASCII if ascii else UNICODE
    if demo:
        app = S3dApp(DemoAgent(), glyphs=glyphs, is_readonly=readonly, clock=lambda: NOW)
    else:
        app = S3dApp(SocketAgent(socket), glyphs=glyphs, is_readonly=readonly)
    app.run(mouse=mouse)
