"""Runs the agent in this process, and announces it when it is ready.

`s3d run` without options comes here past the modules of the command line: the agent would keep
click and the options of every setting in memory, 1.4 MB, for as long as it runs.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from shlex import quote
from typing import NoReturn

from s3d.cli.command_process import run_process
from s3d.shared import credentials, logs
from s3d.shared.control import AgentStatus
from s3d.shared.masking import hide
from s3d.shared.paths import load

READY = """\
s3d {version} serves S3 on {endpoint}
{store}

{next}:
{socket}  eval "$(s3d env)"
  aws s3 mb s3://demo
"""


def main() -> NoReturn:
    """s3d run without options: run the agent until it ends, and exit with its exit code."""
    run_process(lambda: run_agent({}, None))


def run_agent(
    flags: Mapping[str, str], stdin: int | None, detached: Callable[[], None] | None = None
) -> int:
    """Run the agent in this process until it ends. Returns its exit code.

    flags: setting -> text, of the command line. stdin: a descriptor of a pipe, at whose end the
    agent stops. detached: called when the agent is ready; from then on, nobody reads its output.
    """
    # What the start makes stays, so looking for garbage would only take time. settle_memory()
    # begins to.
    gc.disable()
    umask = os.umask(0o077)
    config, places = load(os.environ, flags)
    key = credentials.load_or_create(places, config)
    hide(key.secret.reveal())
    least = logs.EVERYTHING if detached is None else logs.WARNINGS
    logs.set_up(config.log_level, sys.stderr, form=config.log_format, least=least)
    from s3d.agent.app.agent import run

    os.umask(umask)  # downloads and sync folders create files with the umask of the user

    def announce(status: AgentStatus) -> None:
        nonlocal detached
        home = other_home(flags)
        if status.socket != str(places.socket):
            home["S3D_SOCKET"] = status.socket
        if detached is None:
            _announce(home, status)
        else:
            _announce(home, status, "To use it")
            logs.end_stream()
            detached()
            detached = None  # a further session is announced, too

    return run(config, places, announce, stdin)


def other_home(flags: Mapping[str, str]) -> dict[str, str]:
    """The variables with which other commands find an agent that has these flags."""
    names = {"local_dir": "S3D_LOCAL_DIR", "socket": "S3D_SOCKET"}
    paths = {names[flag]: flags[flag] for flag in names if flag in flags}
    return {name: os.path.abspath(os.path.expanduser(path)) for name, path in paths.items()}


def _announce(
    home: Mapping[str, str], status: AgentStatus, next: str = "In another terminal"
) -> None:
    """Print that the agent is ready. home: the variables with which other commands find it.
    next: the line before the commands that come next."""
    lead = "".join(f"  export {name}={quote(value)}\n" for name, value in home.items())
    ready = READY.format(
        version=status.version,
        endpoint=status.endpoint,
        store="\n".join(_store(status)),
        next=next,
        socket=lead,
    )
    print(ready, flush=True)
    for warning in status.warnings:
        print(f"warning: {warning}", file=sys.stderr)


def _store(status: AgentStatus) -> Iterator[str]:
    """The lines that say where objects are stored."""
    if status.store is not None:
        yield f"store: {status.store.shown_path}" + (" (temporary)" if status.ephemeral else "")
    if status.remote is not None:
        yield f"remote: {status.remote.url}"
    if status.queue is not None:
        yield f"write queue: {status.queue.path}"
    if status.admin is not None:
        yield f"metrics: {status.admin.metrics}"
