"""The connection before a bad network and a bad server."""

from __future__ import annotations

import math
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from s3d.agent.core.failures import Reason, Refused, Unreachable, classify
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import StreamBody
from s3d.agent.stores.remote import credential_provider
from s3d.agent.stores.remote.credential_provider import CredentialProvider
from s3d.agent.stores.remote.http_transport import Settings, Timeouts
from s3d.agent.stores.remote.remote_store import RemoteStore
from s3d.agent.stores.remote.static_credentials import RemoteKey
from tests.agent.stores.remote.conftest import Open
from tests.contract.client import Client
from tests.peers.proxy import SLOW_DOWN, Drop, Fault, FaultyProxy, Head, Page, Partition
from tests.peers.servers import Peer, free_ports

pytestmark = pytest.mark.slow


@pytest.fixture
def s3(faulty: RemoteStore) -> Client:
    return Client(faulty)


async def unreachable(s3: Client, operation: str, **members: object) -> Unreachable:
    """The cause of the 503 that the call must end in."""
    error = await s3.refused("ServiceUnavailable", operation, **members)
    assert isinstance(error.failure, Unreachable)
    assert classify(error) == "transient"
    return error.failure


async def test_nobody_there(open_remote: Open) -> None:
    (port,) = free_ports(1)
    store = open_remote(Peer("nobody", f"http://127.0.0.1:{port}", "A", "a"))
    cause = await unreachable(Client(store), "GetObject", Bucket="bucket", Key="k")
    assert (cause.reason, cause.sent) == (Reason.CONNECT, False)
    cause = await unreachable(Client(store), "GetBucketAcl", Bucket="bucket")
    assert (cause.reason, cause.sent) == (Reason.CONNECT, False)
    assert store.health.last_success is None
    assert str(port) in store.health.error


async def test_a_name_without_an_address(open_remote: Open) -> None:
    store = open_remote(Peer("nowhere", "http://nowhere.invalid:80", "A", "a"))
    cause = await unreachable(Client(store), "GetObject", Bucket="bucket", Key="k")
    assert (cause.reason, cause.sent) == (Reason.NAME, False)


async def test_silence_ends_in_a_time_out(
    s3: Client, faulty_seaweedfs: FaultyProxy, new_bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("s3d.agent.stores.remote.remote_health.PAUSE", 0.0)
    faulty_seaweedfs.cut(Partition.SILENT)
    cause = await unreachable(s3, "PutObject", Bucket=new_bucket, Key="k", Body=b"x")
    assert (cause.reason, cause.sent) == (Reason.TIMEOUT, True)
    faulty_seaweedfs.heal()
    await s3.put(new_bucket, "k", b"x")


@pytest.mark.rule("WAIT-1")
@pytest.mark.finding("S9")
@pytest.mark.parametrize("operation", ["GetObject", "HeadObject", "ListObjectsV2", "GetBucketAcl"])
async def test_a_read_waits_once_and_the_next_one_not_at_all(
    open_remote: Open, faulty_seaweedfs: FaultyProxy, new_bucket: str, operation: str
) -> None:
    timeouts = Timeouts(connect=2, answer=1.5, silence=60)
    s3 = Client(open_remote(faulty_seaweedfs.peer, timeouts=timeouts))
    given = {"Bucket": new_bucket} | ({"Key": "k"} if operation.endswith("Object") else {})
    faulty_seaweedfs.cut(Partition.SILENT)
    cause = await unreachable(s3, operation, **given)
    assert cause.reason is Reason.TIMEOUT
    begun = len(faulty_seaweedfs.seen)
    for name, members in ((operation, given), ("GetBucketTagging", {"Bucket": new_bucket})):
        cause = await unreachable(s3, name, **members)
        assert (cause.reason, cause.sent) == (Reason.TIMEOUT, False)
    assert len(faulty_seaweedfs.seen) == begun


def test_the_times_are_those_that_are_promised() -> None:
    """docs/guide/remote.md, "While the remote does not answer"."""
    assert (Timeouts().connect, Timeouts().answer) == (3.0, 30.0)


async def test_health_tells_of_the_partition_and_of_its_end(
    s3: Client, faulty: RemoteStore, faulty_seaweedfs: FaultyProxy, new_bucket: str
) -> None:
    await s3.put(new_bucket, "k", b"x")
    assert faulty.health.last_success is not None
    assert faulty.health.error == ""
    faulty_seaweedfs.cut(Partition.REFUSED)
    await unreachable(s3, "GetObject", Bucket=new_bucket, Key="k")
    assert faulty.health.last_failure is not None
    assert faulty.health.error != ""
    faulty_seaweedfs.heal()
    assert await s3.read(new_bucket, "k") == b"x"
    assert faulty.health.error == ""


@pytest.mark.parametrize("fault", [Fault(drop=Drop.BEFORE), Fault(drop=Drop.AFTER)])
async def test_a_read_without_an_answer_is_asked_again_on_a_fresh_connection(
    s3: Client, faulty_seaweedfs: FaultyProxy, new_bucket: str, fault: Fault
) -> None:
    await s3.put(new_bucket, "k", b"value")
    faulty_seaweedfs.inject(fault)
    assert await s3.read(new_bucket, "k") == b"value"
    assert faulty_seaweedfs.seen[-1].head["connection"] == "close"


async def test_a_connection_that_fell_silent_costs_a_read_one_time_out(
    s3: Client, faulty_seaweedfs: FaultyProxy, new_bucket: str
) -> None:
    await s3.put(new_bucket, "k", b"")
    faulty_seaweedfs.inject(Fault(delay=3600))
    assert await s3.read(new_bucket, "k") == b""


@pytest.mark.parametrize("operation", ["PutObject", "DeleteObject", "UploadPart"])
async def test_a_write_whose_answer_was_lost_is_not_sent_again(
    s3: Client, faulty_seaweedfs: FaultyProxy, new_bucket: str, operation: str
) -> None:
    await s3.put(new_bucket, "k", b"before")
    faulty_seaweedfs.seen.clear()
    faulty_seaweedfs.inject(Fault(drop=Drop.AFTER))
    members: dict[str, object] = {"Bucket": new_bucket, "Key": "k"}
    if operation == "UploadPart":
        members |= {"UploadId": "u", "PartNumber": 1}
    cause = await unreachable(s3, operation, **members)
    assert (cause.reason, cause.sent) == (Reason.LOST, True)
    assert len(faulty_seaweedfs.seen) == 1


@pytest.mark.parametrize("size", [10, 2_000_000])
async def test_an_upload_that_is_cut_off_leaves_the_object_as_it_was(
    s3: Client, faulty_seaweedfs: FaultyProxy, new_bucket: str, size: int
) -> None:
    await s3.put(new_bucket, "k", b"before")
    faulty_seaweedfs.inject(Fault(drop=Drop.UPLOAD))
    body = StreamBody(pieces(size), size)
    await unreachable(s3, "PutObject", Bucket=new_bucket, Key="k", Body=body)
    assert await s3.read(new_bucket, "k") == b"before"


async def pieces(size: int) -> AsyncIterator[bytes]:
    for start in range(0, size, 100_000):
        yield bytes(min(100_000, size - start))


async def test_a_truncated_answer_is_an_error_of_its_body(
    s3: Client, faulty_seaweedfs: FaultyProxy, new_bucket: str
) -> None:
    await s3.put(new_bucket, "k", bytes(100_000))
    faulty_seaweedfs.inject(Fault(truncate=1000))
    with pytest.raises(S3Error, match="lost before the response was complete") as caught:
        await s3.read(new_bucket, "k")
    assert isinstance(caught.value.failure, Unreachable)


async def test_a_slow_answer_is_no_failure_as_long_as_bytes_come(
    s3: Client, faulty_seaweedfs: FaultyProxy, new_bucket: str
) -> None:
    await s3.put(new_bucket, "k", bytes(1000))
    faulty_seaweedfs.inject(Fault(rate=400.0))
    assert await s3.read(new_bucket, "k") == bytes(1000)


async def test_a_refusal_says_when_to_come_back(
    s3: Client, faulty_seaweedfs: FaultyProxy, new_bucket: str
) -> None:
    faulty_seaweedfs.inject(Fault(status=503, code="SlowDown", retry_after=7))
    error = await s3.refused("SlowDown", "PutObject", Bucket=new_bucket, Key="k", Body=b"x")
    assert isinstance(error.failure, Refused)
    assert error.failure.refusal.retry_after == 7.0


async def test_a_large_upload_is_refused_before_its_body_is_read(
    s3: Client, faulty_seaweedfs: FaultyProxy, new_bucket: str
) -> None:
    started = []

    async def body() -> AsyncIterator[bytes]:
        started.append(True)
        async for piece in pieces(10 << 20):
            yield piece

    faulty_seaweedfs.inject(SLOW_DOWN)
    refused = {"Bucket": new_bucket, "Key": "k", "Body": StreamBody(body(), 10 << 20)}
    await s3.refused("SlowDown", "PutObject", **refused)
    assert not started
    assert faulty_seaweedfs.seen[-1].head["expect"] == "100-continue"


async def test_a_clock_that_is_off_is_put_right_by_the_remotes(
    seaweedfs: Peer, new_bucket: str
) -> None:
    keys = CredentialProvider(
        region="us-east-1", key=RemoteKey(seaweedfs.access_key, seaweedfs.secret_key)
    )
    store = RemoteStore(Settings(seaweedfs.endpoint), keys, clock=lambda: time.time() - 86_400)
    await Client(store).put(new_bucket, "k", b"x")
    assert store.health.clock_offset == pytest.approx(86_400, abs=3)
    await store.close()


@pytest.mark.finding("F11")
@pytest.mark.parametrize(
    ("name", "members"),
    [
        ("CreateBucket", {"Bucket": "{}-new"}),
        ("ListBuckets", {}),
        ("HeadObject", {"Bucket": "{}", "Key": "k"}),
        ("ListMultipartUploads", {"Bucket": "{}"}),
    ],
)
async def test_the_remotes_clock_is_learnt_on_every_way(
    seaweedfs: Peer, new_bucket: str, name: str, members: dict[str, str]
) -> None:
    """The first request of all: its signature is refused, and HEAD does not even say why."""
    assert seaweedfs.ask("PUT", f"/{new_bucket}/k", b"x") == 200
    keys = CredentialProvider(
        region="us-east-1", key=RemoteKey(seaweedfs.access_key, seaweedfs.secret_key)
    )
    store = RemoteStore(Settings(seaweedfs.endpoint), keys, clock=lambda: time.time() - 86_400)
    await Client(store)(name, **{each: text.format(new_bucket) for each, text in members.items()})
    assert store.health.clock_offset == pytest.approx(86_400, abs=3)
    await store.close()


async def test_new_credentials_are_looked_for_when_the_old_ones_are_refused(
    seaweedfs: Peer, new_bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "credentials"
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setattr(credential_provider, "RENEW_PAUSE", 0.0)
    file.write_text("[default]\naws_access_key_id=old\naws_secret_access_key=old\n")
    store = RemoteStore(Settings(seaweedfs.endpoint), CredentialProvider(region="us-east-1"))
    s3 = Client(store)
    error = await s3.refused("ServiceUnavailable", "GetObject", Bucket=new_bucket, Key="k")
    assert classify(error) == "auth"
    file.write_text(
        f"[default]\naws_access_key_id={seaweedfs.access_key}\n"
        f"aws_secret_access_key={seaweedfs.secret_key}\n"
    )
    await s3.put(new_bucket, "k", b"x")
    assert await s3.keys(new_bucket) == ["k"]
    await store.close()


async def test_without_credentials_nothing_is_asked(
    faulty_seaweedfs: FaultyProxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    store = RemoteStore(Settings(faulty_seaweedfs.peer.endpoint), CredentialProvider())
    for operation in ("GetBucketAcl", "GetObject"):
        members = {"Bucket": "b-b", "Key": "k"} if operation == "GetObject" else {"Bucket": "b-b"}
        error = await Client(store).refused("ServiceUnavailable", operation, **members)
        assert "no credentials" in error.message
        assert classify(error) == "auth"
    assert not faulty_seaweedfs.seen
    await store.close()


async def test_the_region_that_the_remote_names_is_kept(
    s3: Client, faulty_seaweedfs: FaultyProxy, new_bucket: str
) -> None:
    elements = (("Region", "eu-central-1"),)
    wrong = Fault(status=400, code="AuthorizationHeaderMalformed", elements=elements)
    faulty_seaweedfs.inject(wrong, when=in_region("us-east-1"), times=math.inf)
    await s3.put(new_bucket, "k", b"x")
    assert [in_region("eu-central-1")(e.head) for e in faulty_seaweedfs.seen] == [False, True]
    await s3.put(new_bucket, "k", b"x")
    assert len(faulty_seaweedfs.seen) == 3


def in_region(region: str):
    def matches(head: Head) -> bool:
        return f"/{region}/s3/" in head["authorization"]

    return matches


@pytest.mark.finding("F12")
@pytest.mark.parametrize("status", [400, 301])
@pytest.mark.parametrize("first", [True, False])
async def test_an_empty_refusal_of_head_names_the_region_in_a_header(
    open_remote: Open,
    s3: Client,
    faulty_seaweedfs: FaultyProxy,
    new_bucket: str,
    status: int,
    first: bool,
) -> None:
    """AWS's answer to HEAD in the wrong region: no document, and x-amz-bucket-region."""
    client = Client(open_remote(faulty_seaweedfs.peer)) if first else s3
    await s3.put(new_bucket, "k", b"x")
    headers = (
        ("x-amz-bucket-region", "eu-central-1"),
        ("x-amz-request-id", "1"),
        ("Server", "SeaweedFS"),
    )
    wrong = Fault(page=Page(status, b"", headers))

    def elsewhere(head: Head) -> bool:
        return in_region("us-east-1")(head) and head.method == "HEAD"

    faulty_seaweedfs.inject(wrong, when=elsewhere, times=math.inf)
    for name in ("HeadObject", "HeadBucket"):
        key = {"Key": "k"} if name == "HeadObject" else {}
        assert (await client(name, Bucket=new_bucket, **key)).status == 200
    assert in_region("eu-central-1")(faulty_seaweedfs.seen[-1].head)


async def test_what_cannot_be_sent_again_asks_the_client_to_do_so(
    s3: Client, faulty_seaweedfs: FaultyProxy, new_bucket: str
) -> None:
    elements = (("Region", "eu-central-1"),)
    wrong = Fault(status=400, code="AuthorizationHeaderMalformed", elements=elements)
    faulty_seaweedfs.inject(wrong)
    body = StreamBody(pieces(10), 10)
    error = await s3.refused("ServiceUnavailable", "PutObject", Bucket=new_bucket, Key="k",
                             Body=body)  # fmt: skip
    assert "eu-central-1" in error.message
    await s3.put(new_bucket, "k", StreamBody(pieces(10), 10))


async def test_virtual_host_style(faulty_seaweedfs: FaultyProxy, new_bucket: str) -> None:
    """SeaweedFS without a domain takes no such request: only how it is asked is looked at."""
    peer = faulty_seaweedfs.peer
    port = peer.endpoint.rpartition(":")[2]
    settings = Settings(
        f"http://localhost:{port}", "virtual", Timeouts(connect=2, answer=4, silence=2)
    )
    keys = CredentialProvider(region=peer.region, key=RemoteKey(peer.access_key, peer.secret_key))
    store = RemoteStore(settings, keys)
    try:
        await Client(store).code("GetObject", Bucket=new_bucket, Key="a b")
    finally:
        await store.close()
    for exchange in faulty_seaweedfs.seen:
        assert exchange.head["host"] == f"{new_bucket}.localhost:{port}"
        assert exchange.head.target == "/a%20b"
