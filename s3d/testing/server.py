"""An S3 server for tests: an agent with a store that is made for them (s3d run --test)."""

from __future__ import annotations

from datetime import datetime
from functools import cached_property
from secrets import token_hex
from typing import TYPE_CHECKING, Any, Self

from s3d.cli.client.control_client import ControlClient
from s3d.cli.client.object_client import ObjectClient
from s3d.cli.client.testing_client import TestStoreClient
from s3d.shared.testing import ClockChange, FaultSpec
from s3d.testing.child_agent import ChildAgent

if TYPE_CHECKING:
    from s3d.shared.testing import RecordedRequest


class S3dServer:
    """An S3 server that starts empty, on a free port of this machine.

    Use it as a context manager, or call start() and stop(). What is to be reset, frozen or broken
    for a test is changed by methods here; everything else is plain S3.
    """

    def __init__(self, *arguments: str, region: str = "us-east-1") -> None:
        """arguments: more options of `s3d run`, such as "--seed", "folder"."""
        self._arguments = arguments
        self.region = region
        self.access_key_id = "s3d" + token_hex(8)
        self.secret_access_key = token_hex(20)
        self._agent: ChildAgent | None = None

    def start(self) -> Self:
        """Start the agent; return when it serves. Raises ServerNotStarted."""
        if self._agent is None:
            settings = {
                "S3D_REGION": self.region,
                "S3D_ACCESS_KEY_ID": self.access_key_id,
                "S3D_SECRET_ACCESS_KEY": self.secret_access_key,
                "S3D_LOG_LEVEL": "warning",
            }
            self._agent = ChildAgent(self._arguments, settings)
        return self

    def stop(self) -> None:
        """Stop the agent and remove what it stored. It can be started again, and is empty then."""
        if self._agent is not None:
            self._agent.stop()
        self._agent = None
        self.__dict__.pop("_store", None)

    @property
    def agent(self) -> ChildAgent:
        """The process. Raises RuntimeError when the server is not started."""
        if self._agent is None:
            raise RuntimeError("the server is not started: use it by `with`, or call start()")
        return self._agent

    @property
    def endpoint(self) -> str:
        """The URL of the S3 API."""
        return self.agent.endpoint

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def environment(self) -> dict[str, str]:
        """The variables that lead AWS SDKs, the AWS CLI and most S3 programs to the server."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ENDPOINT_URL_S3": self.endpoint,
            "AWS_ENDPOINT_URL_STS": self.endpoint,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def client(self, service: str = "s3", **options: Any) -> Any:
        """A client of boto3, which has to be installed. options: of boto3's client()."""
        import boto3
        from botocore.config import Config

        return boto3.client(service, **{**_client_options(self, Config), **options})

    def async_client(self, service: str = "s3", **options: Any) -> Any:
        """A client of aioboto3, to be used by `async with`. options: of its client()."""
        import aioboto3
        from aiobotocore.config import AioConfig

        session: Any = aioboto3.session.Session
        return session().client(service, **{**_client_options(self, AioConfig), **options})

    def create_bucket(self, name: str = "") -> str:
        """Create a bucket; its name, which is unique when none is given."""
        name = name or f"test-{token_hex(8)}"
        ObjectClient(ControlClient(self.agent.socket)).create_bucket(name)
        return name

    def reset(self) -> None:
        """Remove all buckets, faults and recorded requests, and set the clock back."""
        self._store.reset()

    def save_snapshot(self, name: str) -> None:
        """Remember all buckets and what is in them by a name, which may be in use."""
        self._store.save_snapshot(name)

    def restore_snapshot(self, name: str) -> None:
        """Let the store be as it was when the snapshot was saved."""
        self._store.restore_snapshot(name)

    def set_time(self, moment: datetime) -> None:
        """Let it be this moment for the store from now on; lifecycle rules are applied.

        Signatures follow the machine's clock, as those of the clients do.
        """
        self._store.move_clock(ClockChange(at=moment.timestamp()))

    def advance_time(self, seconds: float) -> None:
        """Move the clock of the store forward; lifecycle rules are applied."""
        self._store.move_clock(ClockChange(advance=seconds))

    def add_fault(self, operation: str = "", **fault: Any) -> int:
        """Let requests fail from now on; the number of the fault.

        operation: such as PutObject; "": every one. fault: error="SlowDown", delay=2.5,
        close=True, times=3, rate=0.1, bucket="b", prefix="logs/", seed=1; see FaultSpec.
        """
        return self._store.add_fault(FaultSpec(operation=operation, **fault)).id

    def remove_fault(self, number: int) -> None:
        """End a fault. A reset ends all of them."""
        self._store.remove_fault(number)

    def requests(
        self, operation: str = "", *, bucket: str = "", key: str = "", status: int | None = None
    ) -> list[RecordedRequest]:
        """The requests since the last reset, oldest first; of very many, only the newest."""
        query = {"operation": operation, "bucket": bucket, "key": key}
        query["status"] = "" if status is None else str(status)
        return list(self._store.requests(0, **query))

    @cached_property
    def _store(self) -> TestStoreClient:
        return TestStoreClient(ControlClient(self.agent.socket))


def _client_options(server: S3dServer, config: Any) -> dict[str, Any]:
    """config: the SDK's class for the configuration of a client."""
    return {
        "config": config(proxies={}),  # no proxy that the environment names
        "endpoint_url": server.endpoint,
        "region_name": server.region,
        "aws_access_key_id": server.access_key_id,
        "aws_secret_access_key": server.secret_access_key,
    }
