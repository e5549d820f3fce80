"""What every command starts from: the common options, the configuration, the agent's clients."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from pathlib import Path

    from s3d.cli.client.access_key_client import AccessKeyClient
    from s3d.cli.client.cache_client import CacheClient
    from s3d.cli.client.control_client import ControlClient
    from s3d.cli.client.mount_client import MountClient
    from s3d.cli.client.object_client import ObjectClient
    from s3d.cli.client.queue_client import QueueClient
    from s3d.cli.client.remote_client import FormerRemoteClient, MigrationClient
    from s3d.cli.client.sync_client import SyncClient
    from s3d.cli.client.testing_client import TestStoreClient
    from s3d.cli.client.transfer_client import TransferClient
    from s3d.shared.config.schema import Config
    from s3d.shared.paths import Places

F = TypeVar("F", bound=Callable[..., Any])


COMPLETE = "_S3D_COMPLETE"
"""The variable with which the completion of a shell calls s3d."""
COMPLETION_TIMEOUT = 2.0
"""Seconds: who presses Tab does not wait for a remote that is away."""


class Session:
    """One invocation of s3d. flags: setting -> text, from options before and after the command."""

    def __init__(self) -> None:
        self.flags: dict[str, str] = {}

    def load(self) -> tuple[Config, Places]:
        """The configuration, and where the files of s3d are. Raises ConfigError, UsageError."""
        from s3d.shared.paths import load

        return load(os.environ, self.flags)

    def client(self) -> ControlClient:
        """The running agent. The first call finds out whether one runs, as with the others."""
        from s3d.cli.client.control_client import ControlClient

        if COMPLETE in os.environ:
            return ControlClient(self._socket(), timeout=COMPLETION_TIMEOUT)
        return ControlClient(self._socket())

    def agent_pid(self) -> int | None:
        """The process id of the running agent; None when none runs."""
        from s3d.shared.errors import NotRunningError

        try:
            return self.client().hello().pid
        except NotRunningError:
            return None

    def access_keys(self) -> AccessKeyClient:
        """The running agent's access keys."""
        from s3d.cli.client.access_key_client import AccessKeyClient

        return AccessKeyClient(self.client())

    def testing(self) -> TestStoreClient:
        """The running agent's store, if it was made for tests."""
        from s3d.cli.client.testing_client import TestStoreClient

        return TestStoreClient(self.client())

    def objects(self) -> ObjectClient:
        """The running agent's buckets and objects."""
        from s3d.cli.client.object_client import ObjectClient

        return ObjectClient(self.client())

    def queue(self) -> QueueClient:
        """The running agent's write queue."""
        from s3d.cli.client.queue_client import QueueClient

        return QueueClient(self.client())

    def former_remotes(self) -> FormerRemoteClient:
        """The remotes that the running agent used before and has pending writes for."""
        from s3d.cli.client.remote_client import FormerRemoteClient

        return FormerRemoteClient(self.client())

    def migration(self) -> MigrationClient:
        """The running agent's migration to the remote."""
        from s3d.cli.client.remote_client import MigrationClient

        return MigrationClient(self.client())

    def transfers(self) -> TransferClient:
        """The running agent's transfers."""
        from s3d.cli.client.transfer_client import TransferClient

        return TransferClient(self.client())

    def cache(self) -> CacheClient:
        """The running agent's read cache."""
        from s3d.cli.client.cache_client import CacheClient

        return CacheClient(self.client())

    def sync(self) -> SyncClient:
        """The running agent's sync folders."""
        from s3d.cli.client.sync_client import SyncClient

        return SyncClient(self.client())

    def mounts(self) -> MountClient:
        """The running agent's mounts."""
        from s3d.cli.client.mount_client import MountClient

        return MountClient(self.client())

    def _socket(self) -> Path:
        """The agent's socket. Raises ConfigError, UsageError."""
        from s3d.shared.socket_path import usual_socket

        return usual_socket(os.environ, self.flags) or self.load()[1].socket


pass_session = click.make_pass_decorator(Session, ensure=True)


def _keep_socket(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    if value:
        ctx.find_root().ensure_object(Session).flags["socket"] = value


def socket_option(command: F) -> F:
    """Add --socket, which may stand before or after the name of the command."""
    option = click.option(
        "--socket",
        metavar="PATH",
        expose_value=False,
        callback=_keep_socket,
        help="Unix socket of the agent.  [env: S3D_SOCKET]",
    )
    return option(command)


def json_option(command: F) -> F:
    """Add --json to a command that prints data; the command receives as_json."""
    option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
    return option(command)
