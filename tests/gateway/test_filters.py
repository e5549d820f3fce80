"""Filters between real clients and SeaweedFS: what is held, what is let go, what is never kept."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from s3d.cli.client.cache_client import CacheClient
from tests.drained import drained
from tests.gateway.conftest import Gateway
from tests.known_load import wait_until
from tests.peers.policy import POLICY, PolicyServer, in_a_thread

pytestmark = pytest.mark.slow

QUICK = "tests.gateway.quick_policy"
NOT_TMP = "*;!*/tmp/*;!*/*[hdr:content-length>1Ki]"


def keys(client: Any, bucket: str) -> set[str]:
    return {row["Key"] for row in client.list_objects_v2(Bucket=bucket).get("Contents", ())}


def settle(gateway: Gateway) -> None:
    """Wait until nothing moves any more."""
    assert drained(gateway.queue).moving.files == 0


def settle_until(gateway: Gateway, holds: Callable[[], bool]) -> None:
    """A busy machine may let the 250 ms of a decision pass; the agent asks again, soon when its
    module is QUICK."""

    def is_so() -> bool:
        settle(gateway)
        return holds()

    wait_until(is_so)


def held(gateway: Gateway) -> dict[str, str]:
    """Key -> why, of what is held."""
    found = gateway.queue.transfers(state="held")
    return {each.key: each.error.message if each.error else "" for each in found}


def why_held(gateway: Gateway, why: str) -> set[str]:
    """The keys of what is held for this reason."""
    return {key for key, said in held(gateway).items() if why in said}


def warnings(gateway: Gateway) -> list[str]:
    return gateway.agent.client.status().warnings


def tagging(**tags: str) -> dict[str, Any]:
    named = {name.replace("_", "."): value for name, value in tags.items()}
    return {"TagSet": [{"Key": name, "Value": value} for name, value in named.items()]}


def test_what_the_filter_excludes_is_held_readable_and_let_go_by_a_tag(
    gateway: Gateway, remote: Any, new_bucket: str
) -> None:
    agent = gateway.start(S3D_WRITE_QUEUE_FILTER=NOT_TMP)
    with closing(agent.s3()) as client:
        for key, data in (("tmp/a", b"a"), ("tmp/b", b"b"), ("large", bytes(2_000)), ("ok", b"o")):
            client.put_object(Bucket=new_bucket, Key=key, Body=data)
        settle(gateway)
        assert keys(remote, new_bucket) == {"ok"}
        assert keys(client, new_bucket) == {"tmp/a", "tmp/b", "large", "ok"}
        assert client.get_object(Bucket=new_bucket, Key="tmp/a")["Body"].read() == b"a"
        assert held(gateway) == {
            "tmp/a": "term 2 excludes it: !*/tmp/*",
            "tmp/b": "term 2 excludes it: !*/tmp/*",
            "large": "term 3 excludes it: !*/*[hdr:content-length>1Ki]",
        }
        status = gateway.agent.client.status().queue
        assert status is not None
        assert status.held.files == 3
        client.put_object_tagging(
            Bucket=new_bucket, Key="tmp/a", Tagging=tagging(s3d_upload="true")
        )
        settle(gateway)
        assert keys(remote, new_bucket) == {"ok", "tmp/a"}
        assert remote.get_object(Bucket=new_bucket, Key="tmp/a")["Body"].read() == b"a"


def test_a_tag_holds_without_any_filter_and_a_later_write_takes_its_place(
    gateway: Gateway, remote: Any, new_bucket: str
) -> None:
    agent = gateway.start()
    with closing(agent.s3()) as client:
        for key in ("kept", "replaced", "deleted"):
            client.put_object(Bucket=new_bucket, Key=key, Body=b"draft", Tagging="s3d.upload=false")
        settle(gateway)
        assert set(held(gateway).values()) == {"its tag s3d.upload is false"}
        client.put_object(Bucket=new_bucket, Key="replaced", Body=b"done")
        client.delete_object(Bucket=new_bucket, Key="deleted")
        settle(gateway)
        assert set(held(gateway)) == {"kept"}
        assert keys(remote, new_bucket) == {"replaced"}
        assert keys(client, new_bucket) == {"replaced", "kept"}


def test_another_filter_decides_anew_after_a_kill(
    gateway: Gateway, remote: Any, new_bucket: str
) -> None:
    agent = gateway.start(S3D_WRITE_QUEUE_FILTER="*;!*/tmp/*")
    with closing(agent.s3()) as client:
        client.put_object(Bucket=new_bucket, Key="tmp/a", Body=b"a")
        client.put_object(Bucket=new_bucket, Key="other", Body=b"o")
        settle(gateway)
        assert set(held(gateway)) == {"tmp/a"}
    agent.kill()
    gateway.start(S3D_WRITE_QUEUE_FILTER="*;!*/other")
    wait_until(lambda: not held(gateway))  # the agent serves before it has looked at them again
    settle(gateway)
    assert keys(remote, new_bucket) == {"tmp/a", "other"}  # a filter takes nothing away
    assert not held(gateway)


def test_tags_of_the_bucket_are_asked_of_the_remote(
    gateway: Gateway, remote: Any, new_bucket: str
) -> None:
    remote.put_bucket_tagging(Bucket=new_bucket, Tagging=tagging(env="prod"))
    agent = gateway.start(S3D_WRITE_QUEUE_FILTER=f"{new_bucket}[tag:env=prod]/a*")
    with closing(agent.s3()) as client:
        client.put_object(Bucket=new_bucket, Key="a1", Body=b"a")
        client.put_object(Bucket=new_bucket, Key="b1", Body=b"b")
        settle(gateway)
        assert keys(remote, new_bucket) == {"a1"}
        assert held(gateway) == {"b1": "no term includes it"}


def test_what_the_cache_filter_excludes_is_never_kept(
    gateway: Gateway, remote: Any, new_bucket: str
) -> None:
    for key, tags in (("a", ""), ("b", "keep=no"), ("c", "keep=no&s3d.cache=pin"), ("big", "")):
        data = bytes(300_000) if key == "big" else key.encode()
        remote.put_object(Bucket=new_bucket, Key=key, Body=data, Tagging=tags)
    agent = gateway.start(
        S3D_READ_CACHE_FILTER="*/*[hdr:content-length<100K];!*/*[tag:keep=no];!*/pushed"
    )
    cache = CacheClient(gateway.agent.client)
    with closing(agent.s3()) as client:
        client.put_object(Bucket=new_bucket, Key="pushed", Body=b"p")
        settle(gateway)
        for _ in range(2):
            for key in ("a", "b", "c", "big", "pushed"):
                client.get_object(Bucket=new_bucket, Key=key)["Body"].read()
        assert [entry.key for entry in cache.entries(new_bucket)] == ["a", "c"]


def test_a_request_that_needs_the_remote_says_that_the_key_is_held(
    gateway: Gateway, new_bucket: str
) -> None:
    agent = gateway.start(S3D_WRITE_QUEUE_FILTER="!*/tmp/*")
    with closing(agent.s3(retries={"total_max_attempts": 1})) as client:
        client.put_object(Bucket=new_bucket, Key="tmp/a", Body=b"a")
        settle(gateway)
        with pytest.raises(ClientError, match="held in the write queue: term 1 excludes it"):
            client.put_object(Bucket=new_bucket, Key="tmp/a", Body=b"b", IfMatch='"x"')


def test_a_policy_that_is_away_holds_and_goes_on_when_it_is_back(
    gateway: Gateway, remote: Any, new_bucket: str
) -> None:
    with in_a_thread(PolicyServer()) as server:
        server.failure = "500"
        agent = gateway.start(module=QUICK, S3D_OPA_URL=server.url)
        with closing(agent.s3()) as client:
            client.put_object(Bucket=new_bucket, Key="draft", Body=b"d", Tagging="draft=1")
            client.put_object(Bucket=new_bucket, Key="fine", Body=b"f")
            settle_until(gateway, lambda: why_held(gateway, "HTTP status 500") == {"draft", "fine"})
            assert keys(remote, new_bucket) == set()
            wait_until(lambda: any("HTTP status 500" in each for each in warnings(gateway)))
            server.failure = ""
            settle_until(gateway, lambda: keys(remote, new_bucket) == {"fine"})
            excluded = {"draft": "the policy excludes it: no drafts"}
            settle_until(gateway, lambda: held(gateway) == excluded and not warnings(gateway))
            assert keys(remote, new_bucket) == {"fine"}


def test_a_policy_in_this_process_says_what_is_pushed(
    gateway: Gateway, remote: Any, new_bucket: str, tmp_path: Path
) -> None:
    policy = tmp_path / "policy.rego"
    policy.write_text(POLICY)
    agent = gateway.start(module=QUICK, S3D_OPA_POLICY=str(policy))
    with closing(agent.s3()) as client:
        client.put_object(Bucket=new_bucket, Key="large", Body=bytes(2_000))
        client.put_object(Bucket=new_bucket, Key="fine", Body=b"f")
        settle(gateway)
        client.put_object(Bucket=new_bucket, Key='"a"', Body=bytes(2_000))
        client.put_object(Bucket=new_bucket, Key='"b"', Body=b"f", Tagging="s3d.upload=true")
        settle(gateway)
        settle_until(gateway, lambda: keys(remote, new_bucket) == {"fine", '"b"'})
        large = "the policy excludes it: too large"
        settle_until(gateway, lambda: held(gateway) == {"large": large, '"a"': large})
        client.put_object(Bucket=new_bucket, Key="l2", Body=bytes(2_000), Tagging="s3d.upload=true")
        settle_until(gateway, lambda: held(gateway).get("l2") == large)
        assert keys(remote, new_bucket) == {"fine", '"b"'}


def test_what_a_client_says_in_its_metadata_keeps_nobody_from_the_object(
    gateway: Gateway, remote: Any, new_bucket: str
) -> None:
    odd = {"until": "Mon, 1 Jan 2024 00:00:00 +99999999999999"}
    remote.put_object(Bucket=new_bucket, Key="there", Body=b"t", Metadata=odd)
    old = "!*/*[md:until<2026-01-01]"
    agent = gateway.start(S3D_WRITE_QUEUE_FILTER=old, S3D_READ_CACHE_FILTER=old)
    with closing(agent.s3()) as client:
        client.put_object(Bucket=new_bucket, Key="new", Body=b"n", Metadata=odd)
        settle(gateway)
        assert keys(remote, new_bucket) == {"there", "new"}
        for key in ("there", "new"):
            assert client.get_object(Bucket=new_bucket, Key=key)["Body"].read() == key[:1].encode()


@pytest.mark.parametrize("failure", ["deep", "endless", "elsewhere", "garbage"])
def test_an_odd_answer_of_a_policy_keeps_nobody_from_reading(
    gateway: Gateway, remote: Any, new_bucket: str, failure: str
) -> None:
    remote.put_object(Bucket=new_bucket, Key="there", Body=b"t")
    with in_a_thread(PolicyServer()) as server:
        server.failure = failure
        agent = gateway.start(module=QUICK, S3D_OPA_URL=server.url)
        with closing(agent.s3()) as client:
            assert client.get_object(Bucket=new_bucket, Key="there")["Body"].read() == b"t"
            client.put_object(Bucket=new_bucket, Key="new", Body=b"n")
            failed = "the policy cannot be evaluated"
            settle_until(gateway, lambda: why_held(gateway, failed) == {"new"})
            assert keys(remote, new_bucket) == {"there"}
            server.failure = ""
            settle_until(gateway, lambda: keys(remote, new_bucket) == {"there", "new"})
