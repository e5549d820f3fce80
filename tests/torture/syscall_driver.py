"""Carries scenarios out in processes of which strace kills each at a system call that was chosen.

    python -m tests.torture.syscall_driver

One line of JSON in, one out. All is imported once; every process is a fork of this one. A call is
named by its thread, its name, and how many of the thread there were before; the threads are those
that exist when a scenario begins.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import logging
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import threading
import traceback
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

from tests.torture.syscall_scenarios import Scenario
from tests.torture.syscall_table import SCENARIOS

CALLS = (
    "write", "pwrite64", "fsync", "fdatasync", "rename", "renameat", "renameat2", "link", "linkat",
    "unlink", "unlinkat", "openat", "mkdir", "mkdirat", "ftruncate", "fallocate", "utimensat",
    "fchmod",
)  # fmt: skip
"""What changes files, by its name on Linux; not every architecture has them all."""
_CREATES = ("O_CREAT", "O_TRUNC")
_LINE = re.compile(r"(\d+) +(\w+)\((.*)")
_ANY_TRACER = 0x59616D61, -1
"""PR_SET_PTRACER, PR_SET_PTRACER_ANY: where only a parent may trace."""
ENDS_WITHIN = 60


def serve() -> None:
    for line in sys.stdin:
        order = json.loads(line)
        scenario, folder = SCENARIOS[order["scenario"]], Path(order["folder"])
        folder.mkdir(parents=True)
        if order["call"] is None:
            answer = _count(scenario, folder)
        else:
            answer = _round(scenario, folder, order["call"], order["again"])
        if not answer.get("why"):
            shutil.rmtree(folder)
        print(json.dumps(answer), flush=True)


def _count(scenario: Scenario, folder: Path) -> dict[str, Any]:
    """The calls of a scenario that nobody interrupts, as they came."""
    trace = folder / "trace"
    options = [
        "-f",
        "-y",
        "-s",
        "0",
        "-e",
        "signal=none",
        "-e",
        "trace=" + ",".join(f"?{call}" for call in CALLS),
    ]
    playing = _Playing(scenario, folder)
    names = {tid: name for name, tid in playing.threads.items()}
    with _Traced(playing.pid, [*options, "-o", str(trace)]):
        status = playing.end()
    assert status == 0, f"{scenario.name} fails by itself: {status}"
    found, seen = [], Counter[tuple[str, str]]()
    for line in trace.read_text().splitlines():
        parsed = _LINE.match(line)
        if parsed is None or int(parsed[1]) not in names:
            continue
        thread, call, rest = names[int(parsed[1])], parsed[2], parsed[3]
        seen[thread, call] += 1
        is_ours = str(folder / "state") in rest
        if is_ours and (call != "openat" or any(flag in rest for flag in _CREATES)):
            found.append((thread, call, seen[thread, call]))
    why = _verified(scenario, folder, playing.acknowledged())
    return {"calls": found, "why": why}


def _round(
    scenario: Scenario, folder: Path, call: tuple[str, str, int], again: tuple[str, int] | None
) -> dict[str, Any]:
    """One kill and what it left. again: see _verified."""
    thread, name, number = call
    playing = _Playing(scenario, folder)
    with _Traced(playing.threads[thread], _kill_at(name, number)):
        status = playing.end()
    killed = _is_killed(status)
    if status and not killed:
        return {"killed": killed, "why": f"it ended with {status}"}
    why = _verified(scenario, folder, playing.acknowledged(), again=again)
    return {"killed": killed, "why": why}


def _kill_at(call: str, number: int) -> list[str]:
    """Options of strace."""
    inject = f"inject=?{call}:signal=KILL:when={number}"
    return ["-o", "/dev/null", "-e", "signal=none", "-e", f"trace=?{call}", "-e", inject]


def _is_killed(status: int) -> bool:
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


class _Playing:
    """A process that has prepared a scenario and waits for the word to play it."""

    def __init__(self, scenario: Scenario, folder: Path) -> None:
        self._acks = folder / "acknowledged"
        self._acks.touch()
        ready, is_ready = os.pipe()
        may_go, self._go = os.pipe()
        self.pid = _fork(lambda: _play(scenario, folder, is_ready, may_go))
        os.close(is_ready)
        os.close(may_go)
        with open(ready) as file:
            line = file.read()
        assert line, f"{scenario.name} could not be prepared"
        self.threads: dict[str, int] = json.loads(line)

    def end(self) -> int:
        """Let it play, and wait for its end; its status."""
        os.write(self._go, b"g")
        os.close(self._go)
        watched = os.pidfd_open(self.pid)
        if not select.select([watched], [], [], ENDS_WITHIN)[0]:
            os.kill(self.pid, signal.SIGABRT)
        os.close(watched)
        return os.waitpid(self.pid, 0)[1]

    def acknowledged(self) -> int:
        return self._acks.stat().st_size


class _Traced:
    """strace on one thread, or with -f on all; it is at work when `with` is entered."""

    def __init__(self, tid: int, options: list[str]) -> None:
        self._command = ["strace", "-p", str(tid), *options]

    def __enter__(self) -> None:
        self._strace = subprocess.Popen(self._command, stderr=subprocess.PIPE, text=True)
        assert self._strace.stderr is not None
        line = self._strace.stderr.readline()
        assert "attached" in line, line

    def __exit__(self, *exc: object) -> None:
        with suppress(subprocess.TimeoutExpired):
            self._strace.communicate(timeout=10)
        self._strace.kill()
        self._strace.communicate()


def _play(scenario: Scenario, folder: Path, is_ready: int, may_go: int) -> None:
    acks = os.open(folder / "acknowledged", os.O_WRONLY | os.O_APPEND)

    def acknowledge() -> None:
        os.write(acks, b"+")
        os.fsync(acks)

    async def play() -> None:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(1, thread_name_prefix="work"))
        await asyncio.to_thread(int)
        async with scenario.session(folder / "state") as go_on:
            os.write(is_ready, json.dumps(_threads()).encode())
            os.close(is_ready)
            if os.read(may_go, 1):
                await go_on(acknowledge)

    asyncio.run(play())


def _threads() -> dict[str, int]:
    """Their ids by name; equal names are numbered as they have begun."""
    found: dict[str, int] = {}
    for thread in threading.enumerate():
        count = sum(name.startswith(thread.name) for name in found)
        is_main = thread is threading.main_thread()  # its native_id is that of before the fork
        tid = os.getpid() if is_main else thread.native_id
        assert tid is not None
        found[f"{thread.name}.{count}"] = tid
    return found


def _verified(
    scenario: Scenario, folder: Path, acknowledged: int, *, again: tuple[str, int] | None = None
) -> str:
    """What is wrong; "" for nothing.

    again: whoever opens the state is killed, too, when one of its threads makes a call of this name
    so many times, and another one begins anew.
    """
    result = folder / "why"
    may_go, go = os.pipe()

    def verify() -> None:
        os.read(may_go, 1)
        try:
            work = scenario.verify(folder / "state", acknowledged)
            asyncio.run(asyncio.wait_for(work, ENDS_WITHIN))
        except Exception as error:  # noqa: BLE001 - whatever it is, the state was not right
            place = "" if isinstance(error, AssertionError) else traceback.format_exc()
            result.write_text(f"{type(error).__name__}: {error} {place}")
            return
        result.write_text("")

    pid = _fork(verify)
    with _Traced(pid, ["-f", *_kill_at(*again)]) if again else nullcontext():
        os.write(go, b"g")
        _, status = os.waitpid(pid, 0)
    os.close(go)
    os.close(may_go)
    if again and _is_killed(status):
        return _verified(scenario, folder, acknowledged)
    return result.read_text() if status == 0 else f"verifying ended with {status}"


def _fork(work: Callable[[], None]) -> int:
    """The id of a new process that does this work and ends."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        ctypes.CDLL(None).prctl(*map(ctypes.c_ulong, _ANY_TRACER), 0, 0, 0)
        work()
        code = 0
    except BaseException:  # noqa: BLE001 - it must not go on as the server
        traceback.print_exc()
    finally:
        os._exit(code)


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    serve()
