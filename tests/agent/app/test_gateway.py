"""The agent before a remote: in this process where nothing is asked, as a process elsewhere."""

from __future__ import annotations

import shutil
import signal
import socket
import ssl
import subprocess
from contextlib import closing, nullcontext

import pytest
from aiohttp import web

from s3d.agent.app.embedded import open_embedded
from s3d.agent.app.gateway import open_gateway
from s3d.agent.app.remote_account import RemoteAccount
from s3d.agent.core.client import S3Client
from s3d.agent.core.events import Events
from s3d.agent.core.instrumented import Instrumented
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import BytesBody
from s3d.cli.client.queue_client import QueueClient
from s3d.shared.config.load import load_config
from s3d.shared.errors import UsageError
from s3d.shared.paths import find_places
from s3d.shared.transfers import Totals
from tests.agent.app.test_background import names_of
from tests.agent_process import StartFailed
from tests.drained import drained
from tests.forked_process import run_text
from tests.gateway.network import Network
from tests.known_load import wait_until
from tests.peers.servers import Peer, free_ports

NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def network(seaweedfs):
    with Network(seaweedfs) as network:
        yield network


def settings(tmp_path, **env):
    env = {"S3D_LOCAL_DIR": str(tmp_path), "S3D_REMOTE": NOWHERE} | env
    config = load_config(None, env, {})
    return config, find_places(config, {})


async def test_a_write_is_accepted_although_the_remote_is_away(tmp_path):
    gateway = await open_gateway(*settings(tmp_path), Events())
    objects = S3Client(gateway.top)
    await objects.put("bucket", "k", BytesBody(b"12345"))
    assert (await objects.head("bucket", "k")).size == 5
    assert gateway.queue.journal.totals().size == 5
    assert (gateway.status().ok, gateway.status().url) == (False, NOWHERE)
    await gateway.close()


@pytest.mark.parametrize(
    ("off", "expected"),
    [
        ("", ["WriteQueue", "ForwardedWrites", "Cache", "ObservedRemote", "RemoteWrites"]),
        ("S3D_WRITE_QUEUE", ["ForwardedWrites", "Cache", "ObservedRemote", "RemoteWrites"]),
        ("S3D_READ_CACHE", ["WriteQueue", "ForwardedWrites", "ObservedRemote", "RemoteWrites"]),
    ],
)
async def test_the_layers_lie_in_the_order_of_their_table(tmp_path, off, expected):
    gateway = await open_gateway(*settings(tmp_path, **({off: "false"} if off else {})), Events())
    names, layer = [], gateway.top
    while layer is not gateway.remote:
        if not isinstance(layer, Instrumented):
            names.append(type(layer).__name__)
        layer = layer.inner
    assert names == ["KeyScopeLayer", "ChangeEvents", "LoopDetection", *expected]
    assert gateway.without_events is gateway.top.inner.inner
    await gateway.close()


async def test_once_the_account_is_known_answers_of_the_remote_concern_the_queue_only(
    tmp_path, monkeypatch
):
    gateway = await open_gateway(*settings(tmp_path), Events())
    health, account = gateway.remote.health, gateway.account
    assert health.on_answer == account.answered
    monkeypatch.setattr(RemoteAccount, "needs_owner", False)
    await gateway.confirm_account()
    assert health.on_answer == account.on_answer == gateway.queue.pusher.on_remote_answer
    await gateway.close()


async def test_what_was_accepted_is_there_after_a_restart(tmp_path):
    gateway = await open_gateway(*settings(tmp_path), Events())
    await S3Client(gateway.top).put("bucket", "k", BytesBody(b"12345"))
    await gateway.close()
    gateway = await open_gateway(*settings(tmp_path), Events())
    assert gateway.queue.journal.totals().size == 5
    assert (await S3Client(gateway.top).head("bucket", "k")).size == 5
    assert await gateway.flush(0.05) == Totals(1, 5)
    await gateway.close()


async def test_nothing_was_asked_before_the_first_request(tmp_path):
    gateway = await open_gateway(*settings(tmp_path), Events())
    assert (gateway.status().ok, gateway.status().error) == (None, "")
    await gateway.close()


async def test_without_the_queue_a_write_goes_through(tmp_path):
    gateway = await open_gateway(*settings(tmp_path, S3D_WRITE_QUEUE="false"), Events())
    with pytest.raises(S3Error) as caught:
        await S3Client(gateway.top).put("bucket", "k", BytesBody(b"12345"))
    assert (caught.value.status, gateway.queue) == (503, None)
    assert names_of(gateway) == {
        "account",
        "cache",
        "migration",
        "numbers",
        "pins",
        "probing",
        "unused caches",
    }
    assert await gateway.flush(1.0) == Totals()
    await gateway.close()


@pytest.mark.parametrize(
    ("buckets", "expected"),
    [(["bucket"], "1 bucket that is hidden"), (["bucket", "two"], "2 buckets that are hidden")],
)
async def test_what_a_remote_hides_is_said(tmp_path, buckets, expected):
    config, places = settings(tmp_path)
    store = open_embedded(places.store_dir)
    for bucket in buckets:
        await S3Client(store.local).create_bucket(bucket)
    store.close()
    gateway = await open_gateway(config, places, Events())
    (hidden,) = gateway.warnings
    assert expected in hidden
    await gateway.close()


@pytest.mark.parametrize(("wanted", "asks"), [("b[tag:env]", True), ("b/*[tag:env]", False)])
async def test_only_a_filter_by_tags_of_buckets_is_asked_again_and_again(tmp_path, wanted, asks):
    config, places = settings(tmp_path, S3D_WRITE_QUEUE_FILTER=wanted)
    gateway = await open_gateway(config, places, Events())
    assert ("filter" in names_of(gateway)) is asks
    await gateway.close()


# ------------------------------------------------------------------ whom to trust


@pytest.fixture
def certificate(tmp_path):
    """(certificate, key): files of a certificate for localhost that nobody knows."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    command += " -subj /CN=localhost -addext subjectAltName=DNS:localhost"
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*command.split(), *files], check=True, capture_output=True)
    return certificate, key


@pytest.fixture
async def tls_remote(certificate):
    """URL of a server with it."""

    async def answer(request: web.Request) -> web.Response:
        listing = b"<ListBucketResult></ListBucketResult>" if request.method == "GET" else b""
        return web.Response(body=listing, headers={"x-amz-request-id": "1"})

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", answer)
    trust = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trust.load_cert_chain(*certificate)
    runner = web.AppRunner(app)
    await runner.setup()
    (port,) = free_ports(1)
    await web.TCPSite(runner, "127.0.0.1", port, ssl_context=trust).start()
    yield f"https://localhost:{port}"
    await runner.cleanup()


@pytest.mark.parametrize("named", [True, False])
async def test_the_certificates_to_trust_are_those_of_aws_s_variable(
    tls_remote, certificate, tmp_path, monkeypatch, named
):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secretsecret")
    if named:
        monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate[0]))
    env = {"S3D_REMOTE": tls_remote, "S3D_WRITE_QUEUE": "false", "S3D_REMOTE_ADDRESSING": "path"}
    gateway = await open_gateway(*settings(tmp_path, **env), Events())
    with nullcontext() if named else pytest.raises(S3Error, match="no secure connection"):
        await S3Client(gateway.top).delete("bucket", "k")
    await gateway.close()


@pytest.mark.parametrize("data", [None, b"no certificate"])
async def test_certificates_that_cannot_be_read_are_said_at_the_start(tmp_path, monkeypatch, data):
    path = tmp_path / "bundle.pem"
    if data is not None:
        path.write_bytes(data)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(path))
    with pytest.raises(UsageError, match="AWS_CA_BUNDLE"):
        await open_gateway(*settings(tmp_path, S3D_REMOTE="https://localhost:9"), Events())
    await (await open_gateway(*settings(tmp_path), Events())).close()  # no TLS, no matter


# ------------------------------------------------------------------ as a process


def refused(start_agent, *arguments, **options) -> StartFailed:
    with pytest.raises(StartFailed) as caught:
        start_agent(*arguments, **options)
    assert "Traceback" not in caught.value.stderr
    return caught.value


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_the_agent_s_own_address_is_no_remote(start_agent, host):
    (port,) = free_ports(1)
    env = {"S3D_ENDPOINT": f"http://localhost:{port}", "S3D_REMOTE": f"http://{host}:{port}"}
    error = refused(start_agent, env=env)
    assert error.code == 2
    assert f"http://{host}:{port}" in error.stderr
    assert "S3D_REMOTE" in error.stderr


def test_the_local_key_never_signs_for_the_remote(start_agent):
    agent = start_agent()
    key, secret = agent.key
    agent.stop()
    env = {"S3D_REMOTE": NOWHERE, "AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret}
    error = refused(start_agent, env=env)
    assert error.code == 2
    assert "AWS_ACCESS_KEY_ID" in error.stderr
    assert secret not in error.stderr


def test_a_variable_of_aws_is_no_remote(start_agent):
    env = {"AWS_ENDPOINT_URL": NOWHERE, "AWS_ENDPOINT_URL_S3": NOWHERE}
    assert start_agent(env=env).client.status().remote is None


def test_a_bucket_of_the_settings_is_there_when_the_agent_is_ready(start_agent, tmp_path):
    remote = start_agent(home=tmp_path / "remote")
    env = {**remote.as_remote, "S3D_BUCKETS": "new", "S3D_WRITE_QUEUE": "false"}
    agent = start_agent(home=tmp_path / "gateway", env=env)
    with closing(agent.s3()) as s3:
        s3.put_object(Bucket="new", Key="k", Body=b"1")


@pytest.mark.slow
def test_it_starts_and_stops_with_the_remote_away(start_agent):
    env = {
        "S3D_REMOTE": NOWHERE,
        "S3D_BUCKETS": "bucket",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secretsecret",
    }
    agent = start_agent(env=env)
    with closing(agent.s3()) as s3:
        s3.put_object(Bucket="bucket", Key="k", Body=b"12345")
        assert s3.get_object(Bucket="bucket", Key="k")["Body"].read() == b"12345"
    status = agent.client.status()
    assert (status.remote.ok, status.queue.left.files) == (False, 1)
    assert agent.stop() == 0
    assert "1 write, 5 B, not pushed yet" in agent.stderr
    assert "Traceback" not in agent.stderr


@pytest.mark.slow
def test_a_second_signal_does_not_wait_for_the_flush(start_agent):
    """The remote takes connections and says nothing, so a push would take its time."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        env = {
            "S3D_REMOTE": f"http://127.0.0.1:{silent.getsockname()[1]}",
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secretsecret",
        }
        agent = start_agent(env=env)
        with closing(agent.s3()) as s3:
            s3.put_object(Bucket="bucket", Key="k", Body=b"12345")
        agent.process.send_signal(signal.SIGTERM)
        while "stopping" not in agent.stderr:
            pass
        assert agent.stop() == 128 + signal.SIGTERM
    again = start_agent(env=env)
    assert again.client.status().queue.left == Totals(1, 5)


def upstream(peer) -> dict[str, str]:
    return {
        "S3D_REMOTE": peer.endpoint,
        "AWS_ACCESS_KEY_ID": peer.access_key,
        "AWS_SECRET_ACCESS_KEY": peer.secret_key,
        "AWS_REGION": peer.region,
    }


@pytest.mark.slow
def test_what_is_pending_is_flushed_when_the_agent_stops(start_agent, seaweedfs, new_bucket):
    agent = start_agent(env=upstream(seaweedfs))
    queue = QueueClient(agent.client)
    queue.pause()
    with closing(agent.s3()) as s3:
        for number in range(20):
            s3.put_object(Bucket=new_bucket, Key=f"k{number}", Body=b"12345")
    queue.resume()
    assert agent.stop() == 0
    assert "not pushed yet" not in agent.stderr
    for number in range(20):
        assert seaweedfs.ask("HEAD", f"/{new_bucket}/k{number}") == 200


@pytest.mark.slow
def test_buckets_of_the_settings_are_made_at_the_remote(start_agent, seaweedfs, bucket_name):
    agent = start_agent(env=upstream(seaweedfs) | {"S3D_BUCKETS": bucket_name})
    wait_until(lambda: seaweedfs.ask("HEAD", f"/{bucket_name}") == 200)
    assert agent.stop() == 0


@pytest.mark.slow
def test_a_remote_that_comes_later_gets_what_was_written(
    start_agent, seaweedfs, network, new_bucket
):
    network.go_away()
    first = start_agent(env=upstream(network.peer))
    with closing(first.s3()) as s3:
        s3.put_object(Bucket=new_bucket, Key="k", Body=b"12345")
    first.kill()
    network.come_back()
    second = start_agent(env=upstream(network.peer))
    assert QueueClient(second.client).drain(20.0, hurry=True).left == Totals()
    assert seaweedfs.ask("HEAD", f"/{new_bucket}/k") == 200
    status = second.objects.object_status(new_bucket, "k")
    assert (status.state, status.remote_etag) == ("pushed", status.etag)


@pytest.mark.slow
def test_drain_ends_at_once_and_names_what_is_parked_and_why(start_agent, network, bucket_name):
    """The second write of the key waits behind the first, which its missing bucket parks."""
    network.go_away()
    first = start_agent(env=upstream(network.peer))
    with closing(first.s3()) as s3:
        for data in (b"1", b"2"):
            s3.put_object(Bucket=bucket_name, Key="k", Body=data)
    first.kill()
    network.come_back()
    second = start_agent(env=upstream(network.peer))
    drained = run_text("s3d", "drain", env=second.env)
    assert drained.returncode == 6
    assert f"{bucket_name}/k: NoSuchBucket: " in drained.stderr
    assert "2 objects, 2 B, 1 failed" in drained.stderr


# ------------------------------------------------------------------ circles

SECRET = "secretsecretsecret"


def key_of(endpoint: str) -> str:
    return f"KEYOFPORT{endpoint.rpartition(':')[2]}"


def before(start_agent, home, own: str, remote: str, owner: str):
    """An agent at an endpoint of its own before a remote, which is really that of the owner."""
    env = {
        "S3D_ENDPOINT": own,
        "S3D_ACCESS_KEY_ID": key_of(own),
        "S3D_SECRET_ACCESS_KEY": SECRET,
        "S3D_REMOTE": remote,
        "S3D_REMOTE_ADDRESSING": "path",
        "AWS_ACCESS_KEY_ID": key_of(owner),
        "AWS_SECRET_ACCESS_KEY": SECRET,
    }
    return start_agent(home=home, env=env)


def parked(agent) -> list[str]:
    """The messages of what is parked, as soon as nothing moves any more."""
    queue = QueueClient(agent.client)
    drained(queue)
    return [each.error.message for each in queue.transfers(state="failed")]


@pytest.mark.slow
def test_two_agents_in_a_circle_park_the_write_and_say_why(start_agent, tmp_path):
    """Either may have it: the second refuses it once a probe of the first has found the circle."""
    one, two = (f"http://127.0.0.1:{port}" for port in free_ports(2))
    agents = [
        before(start_agent, tmp_path / "one", one, two, two),
        before(start_agent, tmp_path / "two", two, one, one),
    ]
    with closing(agents[0].s3()) as s3:
        s3.put_object(Bucket="bucket", Key="k", Body=b"12345")
        messages = [message for agent in agents for message in parked(agent)]
        assert all("leads back to this s3d" in message for message in messages)
        parking = [each for agent in agents for each in QueueClient(agent.client).transfers()]
        states = [each.state for each in parking if each.key == "k"]
        assert states == ["failed"]
        assert s3.get_object(Bucket="bucket", Key="k")["Body"].read() == b"12345"
    # The probe of one agent writes to the other, which parks that, too.
    queues = [drained(QueueClient(agent.client)) for agent in agents]
    assert [status.moving for status in queues] == [Totals(), Totals()]


@pytest.mark.slow
def test_an_agent_behind_its_own_proxy_parks_the_write(start_agent, tmp_path):
    own = f"http://127.0.0.1:{free_ports(1)[0]}"
    with Network(Peer("itself", own, "OTHERKEY", SECRET)) as network:
        agent = before(start_agent, tmp_path / "one", own, network.peer.endpoint, own)
        with closing(agent.s3()) as s3:
            s3.put_object(Bucket="bucket", Key="k", Body=b"12345")
        (message,) = parked(agent)
    assert "leads back to this s3d" in message
