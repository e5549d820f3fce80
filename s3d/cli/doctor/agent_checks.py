"""Checks of the agent that runs: its version, and what it says of itself and of its remote."""

from __future__ import annotations

from collections.abc import Iterator

from s3d import __version__
from s3d.cli.client.control_client import ControlClient
from s3d.shared.config.schema import Config
from s3d.shared.control import AgentStatus, Hello
from s3d.shared.errors import NotRunningError, S3dError
from s3d.shared.findings import Finding, fail, ok, warn
from s3d.shared.paths import Places
from s3d.shared.text import count
from s3d.shared.transfers import QueueStatus, RemoteStatus


def check_agent(client: ControlClient, places: Places) -> tuple[str, Finding]:
    """The URL of the endpoint of the running agent, or ""; and what was found of it."""
    try:
        hello = client.hello()
    except NotRunningError:
        return "", ok("agent", f"none runs at {places.socket}; to start one: s3d run")
    except S3dError as error:
        return str(places.socket), fail("agent", str(error), error.remedy or "s3d logs")
    return hello.endpoint, _version(hello, places)


def _version(hello: Hello, places: Places) -> Finding:
    if hello.agent != __version__:
        text = f"{hello.agent} runs, and this command is {__version__}"
        return warn("agent", text, "s3d restart")
    return ok("agent", f"{hello.agent} runs at {places.socket}")


def check_status(status: AgentStatus, config: Config) -> Iterator[Finding]:
    """What the status of a running agent says. config: the settings of this terminal, from which
    the agent may have been started differently."""
    remote = status.remote
    if (remote.url if remote else "") != config.remote:
        runs, here = (url or "no remote" for url in (remote.url if remote else "", config.remote))
        yield warn(
            "settings",
            f"the agent runs with {runs}, and this terminal has {here}",
            "set the remote in the configuration file, for both",
        )
        if remote is not None:
            yield _remote(remote)
    if status.queue is not None:
        yield from _queue(status.queue)
    for folder in status.sync:
        if folder.state == "stopped":
            yield fail("sync folder", f"{folder.name}: {folder.reason}", "s3d sync status")
    for mount in status.mounts:
        if mount.state != "mounted":
            text = f"{mount.dir} is not mounted: {mount.reason or mount.state}"
            yield fail("mount", text, "s3d mount ls, and s3d logs")
    for warning in status.warnings:
        yield warn("agent", warning, "s3d status and s3d logs show more")


def _remote(remote: RemoteStatus) -> Finding:
    """As the agent has seen it last."""
    if remote.ok is None:
        return ok("remote", f"the agent has not contacted {remote.url} yet")
    if remote.ok:
        return ok("remote", f"{remote.url} answers the agent")
    return fail("remote", remote.error.removesuffix("."), "s3d logs shows more")


def _queue(queue: QueueStatus) -> Iterator[Finding]:
    """The writes that s3d does not push without a decision of the user."""
    if queue.failed.files:
        text = f"the remote refuses {count(queue.failed.files, 'write')}"
        yield fail("queue", text, "s3d queue ls --state failed shows why, and what to do")
    if queue.conflict.files:
        text = f"{count(queue.conflict.files, 'conflict')} with newer versions at the remote"
        yield warn("queue", text, "s3d queue ls --state conflict")
    if queue.paused:
        yield warn("queue", "it is paused: nothing is pushed", "s3d queue resume")
