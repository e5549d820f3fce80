import asyncio
import gc
import os
import pty
import re
import subprocess
import sys
import termios
from contextlib import suppress

import pytest

from s3d.shared.errors import UsageError
from s3d.tui.demo import DemoAgent
from s3d.tui.launch import ProcessApp, check_terminal
from tests.agent_process import environment


@pytest.mark.parametrize(
    ("term", "is_terminal"), [("dumb", True), ("", True), ("xterm-256color", False)]
)
def test_without_a_screen_it_does_not_begin(term, is_terminal):
    with pytest.raises(UsageError, match="needs a terminal"):
        check_terminal({"TERM": term}, is_terminal=is_terminal)


def test_with_one_it_does():
    check_terminal({"TERM": "xterm-256color"}, is_terminal=True)


@pytest.mark.finding("tui-1")
@pytest.mark.parametrize(
    ("arguments", "env"),
    [(["--no-color"], {}), ([], {"NO_COLOR": "1", "COLORTERM": "truecolor"})],
)
def test_without_colors_the_terminal_gets_none(tmp_path, arguments, env):
    """The bytes in a real terminal: SGR 30 to 48 and 90 to 107 would be colours, but 39 and 49."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    process = subprocess.Popen(
        [sys.executable, "-m", "s3d", "tui", "--demo", *arguments],
        env=environment(tmp_path) | {"TERM": "xterm-256color"} | env,
        stdin=theirs, stdout=theirs, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    shown = b""
    while b"failed" not in shown:
        shown += os.read(ours, 65536)
    os.write(ours, b"q")
    with suppress(OSError):  # Linux says EIO when the other end is closed
        while block := os.read(ours, 65536):
            shown += block
    os.close(ours)
    assert process.wait(30) == 0
    codes = {
        code
        for sequence in re.findall(rb"\x1b\[([0-9;]*)m", shown)
        for code in sequence.split(b";")
    }
    assert codes <= {b"", b"0", b"1", b"2", b"3", b"4", b"7", b"39", b"49"}


async def test_what_the_start_has_made_is_no_part_of_garbage_collections():
    thresholds = gc.get_threshold()
    gc.disable()  # as the command does before it imports the app
    try:
        async with ProcessApp(DemoAgent()).run_test() as pilot, asyncio.timeout(10):
            while not gc.isenabled():
                await pilot.pause()
            assert gc.get_freeze_count() > 0
    finally:
        gc.set_threshold(*thresholds)
        gc.enable()
