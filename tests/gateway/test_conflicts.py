"""Conflicts with another program at the remote, as a person sees and settles them."""

from __future__ import annotations

from contextlib import closing
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import ClientError

from s3d.shared.errors import PendingError
from tests.forked_process import run_text
from tests.gateway.conftest import Gateway, peer_client
from tests.gateway.network import Network
from tests.peers.proxy import Drop, Fault, Head
from tests.peers.servers import Peer

pytestmark = [pytest.mark.slow, pytest.mark.finding("S5")]


def run(agent: Any, *words: str) -> tuple[int, str]:
    done = run_text("s3d", *words, env=agent.env)
    return done.returncode, done.stdout + done.stderr


def test_drain_and_status_name_a_conflict_and_force_pushes_it(
    start_agent: Any, tmp_path: Any, seaweedfs: Peer, new_bucket: str
) -> None:
    with Network(seaweedfs) as network, closing(peer_client(seaweedfs)) as there:
        gateway = Gateway(start_agent, network.peer, tmp_path / "home")
        agent = gateway.start()
        network.go_away()
        with closing(agent.s3()) as s3:
            s3.put_object(Bucket=new_bucket, Key="k", Body=b"ours")
            there.put_object(Bucket=new_bucket, Key="k", Body=b"theirs")
            network.come_back()
            code, text = run(agent, "drain", "--timeout", "30s")
            assert code == PendingError.exit_code
            assert "1 conflict" in text
            assert f"{new_bucket}/k" in text
            assert s3.get_object(Bucket=new_bucket, Key="k")["Body"].read() == b"theirs"
            code, text = run(agent, "status", "-q")
            assert (code, text.split(":")[0]) == (PendingError.exit_code, "clean; 1 conflict")
            code, text = run(agent, "queue", "show", f"{new_bucket}/k")
            theirs = there.head_object(Bucket=new_bucket, Key="k")["ETag"]
            assert theirs in text
            assert "conflict" in text
            assert run(agent, "queue", "retry", f"{new_bucket}/k")[0] == 1
            assert run(agent, "queue", "retry", "--force", f"{new_bucket}/k")[0] == 0
            assert run(agent, "drain", "--timeout", "30s")[0] == 0
        assert there.get_object(Bucket=new_bucket, Key="k")["Body"].read() == b"ours"
        assert run(agent, "status", "-q") == (0, "clean\n")


@pytest.mark.finding("A1")
@pytest.mark.finding("C9")
def test_force_keeps_a_newer_pending_write_and_shows_the_new_id(
    start_agent: Any, tmp_path: Any, seaweedfs: Peer, new_bucket: str
) -> None:
    name = f"{new_bucket}/m"
    with closing(peer_client(seaweedfs)) as there:
        agent = Gateway(start_agent, seaweedfs, tmp_path / "home").start()
        with closing(agent.s3()) as s3:
            s3.put_object(Bucket=new_bucket, Key="m", Body=b"old1")
            assert run(agent, "drain", "--timeout", "30s")[0] == 0
            for body in (b"old2", b"old3"):
                assert run(agent, "queue", "pause")[0] == 0
                s3.put_object(Bucket=new_bucket, Key="m", Body=body)
                there.put_object(Bucket=new_bucket, Key="m", Body=b"foreign, not " + body)
                assert run(agent, "queue", "resume")[0] == 0
                assert run(agent, "drain", "--timeout", "30s")[0] == PendingError.exit_code
            rows = run(agent, "queue", "ls", "--state", "conflict")[1].splitlines()
            first, second = [row.split()[0] for row in rows]
            assert run(agent, "queue", "pause")[0] == 0
            code, text = run(agent, "queue", "retry", "--force", name)
            assert (code, "name one by its ID" in text) == (2, True)
            s3.put_object(Bucket=new_bucket, Key="m", Body=b"newest")
            assert run(agent, "queue", "discard", "--yes", first)[0] == 0
            for write in (second, name):
                code, text = run(agent, "queue", "retry", "--force", write)
                assert (code, f"a newer write of {name} is pending" in text) == (1, True)
            assert s3.get_object(Bucket=new_bucket, Key="m")["Body"].read() == b"newest"
            newest = run(agent, "queue", "ls", "--state", "waiting")[1].split()[0]
            assert run(agent, "queue", "discard", "--yes", newest)[0] == 0
            code, text = run(agent, "queue", "retry", "--force", name)
            assert code == 0
            entered = run(agent, "queue", "ls", "--state", "waiting")[1].split()[0]
            assert text == f"{second} {name}: is retried, as {entered}\n"
            assert run(agent, "queue", "resume")[0] == 0
            assert run(agent, "drain", "--timeout", "30s")[0] == 0
        assert there.get_object(Bucket=new_bucket, Key="m")["Body"].read() == b"old3"


@pytest.mark.finding("S3")
def test_requests_that_never_reached_the_remote_make_no_conflict(
    start_agent: Any, tmp_path: Any, seaweedfs: Peer, new_bucket: str
) -> None:
    """What the remote has is what the first push has left, whatever failed since."""
    with Network(seaweedfs) as network:
        gateway = Gateway(start_agent, network.peer, tmp_path / "home")
        agent = gateway.start()
        place = {"Bucket": new_bucket, "Key": "k"}
        with closing(agent.s3()) as s3:
            s3.put_object(**place, Body=b"first")
            gateway.drain()
            network.go_away()
            with pytest.raises(ClientError, match="ServiceUnavailable"):
                s3.copy_object(**place, CopySource=f"{new_bucket}/other")
            s3.put_object(**place, Body=b"second")
            lost = partial(is_write_of, "/k")
            network.do(lambda proxy: proxy.inject(Fault(drop=Drop.BEFORE), when=lost))
            network.do(lambda proxy: setattr(proxy, "partition", None))
            gateway.drain()
            status = gateway.queue.status()
            assert (status.conflict.files, status.left.files) == (0, 0)
        with closing(peer_client(seaweedfs)) as there:
            assert there.get_object(**place)["Body"].read() == b"second"


def is_write_of(end: str, head: Head) -> bool:
    return head.method == "PUT" and head.target.partition("?")[0].endswith(end)
