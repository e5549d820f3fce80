"""What every command starts from: the options for all, the configuration, the agent's client."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from s3d.shared.blocking import ControlClient
    from s3d.shared.blocking_cache import CacheClient
    from s3d.shared.blocking_queue import QueueClient
    from s3d.shared.blocking_sync import SyncClient
    from s3d.shared.blocking_transfers import TransferClient
    from s3d.shared.config import Config
    from s3d.shared.paths import Places

F = TypeVar("F", bound=Callable[..., Any])


class Session:
    """One command line. flags: setting name -> text, from options before and after the command."""

    def __init__(self) -> None:
        self.flags: dict[str, str] = {}

    def load(self) -> tuple[Config, Places]:
        """The configuration and where things lie. Raises ConfigError, UsageError."""
        from s3d.shared.paths import load

        return load(os.environ, self.flags)

    def client(self) -> ControlClient:
        """The running agent; whether it is there shows at the first call."""
        from s3d.shared.blocking import ControlClient

        return ControlClient(self.load()[1].socket)

    def queue(self) -> QueueClient:
        """The running agent's write queue; the same holds."""
        from s3d.shared.blocking_queue import QueueClient

        return QueueClient(self.client())

    def transfers(self) -> TransferClient:
        """The running agent's transfers; the same holds."""
        from s3d.shared.blocking_transfers import TransferClient

        return TransferClient(self.client())

    def cache(self) -> CacheClient:
        """The running agent's read cache; the same holds."""
        from s3d.shared.blocking_cache import CacheClient

        return CacheClient(self.client())

    def sync(self) -> SyncClient:
        """The running agent's sync folders; the same holds."""
        from s3d.shared.blocking_sync import SyncClient

        return SyncClient(self.client())


pass_session = click.make_pass_decorator(Session, ensure=True)


def _keep_socket(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    if value:
        ctx.find_root().ensure_object(Session).flags["socket"] = value


def socket_option(command: F) -> F:
    """--socket, before or after the command's name."""
    option = click.option(
        "--socket",
        metavar="PATH",
        expose_value=False,
        callback=_keep_socket,
        help="Unix socket of the agent.  [env: S3D_SOCKET]",
    )
    return option(command)


def json_option(command: F) -> F:
    """--json, for what prints data; the command gets as_json."""
    option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
    return option(command)
