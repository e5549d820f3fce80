"""Random and pointed requests of callers that may do little: nothing else may change or be shown.

    S3D_TORTURE_SEED=7 S3D_TORTURE_ROUNDS=50 make torture-fuzz_access

A round is bad when a response has something of an object that the caller may not read, or when
afterwards anything is changed that the caller may not write: versions, uploads, or settings.
"""

from __future__ import annotations

import random
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from s3d.agent.s3.model import operations
from s3d.cli.client.access_key_client import AccessKeyClient
from s3d.shared.access_key_changes import KeyRequest
from tests.agent_process import AgentProcess
from tests.e2e.errors.valid_requests import NAMES, Request, content_md5, valid
from tests.torture.conftest import Campaign
from tests.torture.fuzz_requests import Message, Sender, random_request

MESSAGES = 150
"""Of a round."""
PATIENCE = 75.0
"""Seconds; at a gateway a request may wait for pending writes."""
BUCKETS = ("plain", "versioned", "locked", "enforced", "spare")
SECRET, HIDDEN = b"a-secret-body", "hidden-key-7f3a9c"
"""No request has any of both, so no response may show it."""
OWN = "k"
"""The prefix of the key, in the bucket plain."""
SETTINGS = [
    name for name in NAMES if name.startswith("GetBucket") and operations()[name].scope == "bucket"
]
_REQUEST_IDS = re.compile(rb"<(RequestId|HostId)>[^<]*</\1>")


class World:
    """An agent with objects that only its owner may see."""

    def __init__(self, agent: AgentProcess) -> None:
        url = urlsplit(agent.endpoint)
        self._address = (str(url.hostname), int(url.port or 0))
        self._s3 = agent.s3(read_timeout=PATIENCE)
        for bucket in BUCKETS:
            self._s3.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=bucket == "locked")
        enabled = {"Status": "Enabled"}
        self._s3.put_bucket_versioning(Bucket="versioned", VersioningConfiguration=enabled)
        for bucket in BUCKETS:
            for key in ("k", "other", "secret/x", HIDDEN):
                is_own = (bucket, key) == ("plain", "k")
                body = b"data" if is_own else SECRET
                self._s3.put_object(Bucket=bucket, Key=key, Body=body, Tagging="secret=1")
        upload = self._s3.create_multipart_upload(Bucket="plain", Key="other")["UploadId"]
        keys = AccessKeyClient(agent.client)
        team = keys.create(KeyRequest("team", bucket="plain", prefix=OWN))
        reader = keys.create(KeyRequest("reader", read_only=True))
        names = {"host": url.netloc, "main": "m", "upload": upload, "etag": '"x"'}
        self._owner = Sender(url.netloc, [agent.key], names)
        self.callers = {
            "team": Sender(url.netloc, [(team.access_key_id, team.secret_access_key)], names),
            "reader": Sender(url.netloc, [(reader.access_key_id, reader.secret_access_key)], names),
            "nobody": Sender(url.netloc, [None, (agent.key[0], "wrong"), ("unknown", "s")], names),
        }

    def exchange(self, message: Message) -> bytes:
        """All that is answered."""
        received = b""
        connection = socket.create_connection(self._address, timeout=PATIENCE)
        with closing(connection), suppress(ConnectionError):
            connection.sendall(message.data)
            connection.shutdown(socket.SHUT_WR)
            while data := connection.recv(1 << 16):
                received += data
        return received

    def state(self) -> dict[str, Any]:
        """What no caller may change: all but the objects below the prefix."""
        found: dict[str, Any] = {}
        for bucket in BUCKETS:
            listed = self._s3.list_object_versions(Bucket=bucket)
            rows = [*listed.get("Versions", ()), *listed.get("DeleteMarkers", ())]
            for row in rows:
                if bucket != "plain" or not row["Key"].startswith(OWN):
                    found[f"{bucket}/{row['Key']}?{row['VersionId']}"] = row.get("ETag")
            uploads = self._s3.list_multipart_uploads(Bucket=bucket).get("Uploads", ())
            ids = [row["UploadId"] for row in uploads if not row["Key"].startswith(OWN)]
            found[f"{bucket}?uploads"] = ids
            for name in SETTINGS:
                request = valid(name).to(bucket)
                answer = self.exchange(self._owner.message(random.Random(0), request, name))
                document = answer.partition(b"\r\n\r\n")[2]
                found[f"{bucket} {name}"] = _REQUEST_IDS.sub(b"", document)
        return found

    def stolen(self) -> list[str]:
        """Objects below the prefix that have got what the key may not read. They are deleted."""
        rows = self._s3.list_objects_v2(Bucket="plain", Prefix=OWN).get("Contents", ())
        found = [row["Key"] for row in rows if SECRET in self._read(row["Key"])]
        for key in found:
            self._s3.delete_object(Bucket="plain", Key=key)
        return found

    def _read(self, key: str) -> bytes:
        with suppress(self._s3.exceptions.ClientError):  # it has a key of its customer
            data: bytes = self._s3.get_object(Bucket="plain", Key=key)["Body"].read()
            return data
        return b""


# ---------------------------------------------------------------- pointed requests

PLACES = ("plain/other", "plain/secret/x", "versioned/k", "locked/k", "spare/other")
WAYS_OUT = ("../other", "%2e%2e/other", "..%2Fother", "./../other", "/../other", "x/../../other")
PREFIXES = (
    "prefix=k&prefix=", "prefix=k&Prefix=", "prefix=", "prefix=k/../", "prefix=%6B&prefix=o",
    "prefix=k;prefix=", "prefix=k&delimiter=k", "prefix=k&marker=a", "prefix=k%00", "x=1",
)  # fmt: skip
LISTS = ("", "&list-type=2", "&versions", "&uploads", "&list-type=2&fetch-owner=true")


def pointed_request(rng: random.Random) -> tuple[str, Request]:
    """A request for what the caller may not have, in a form that may be overlooked."""
    return rng.choice((_copy, _copy, _rename, _read, _list, _delete, _write, _upload))(rng)


def _source(rng: random.Random) -> str:
    place = rng.choice(PLACES)
    ways = (
        place, f"/{place}", f"//{place}", quote(place, safe=""), quote(f"/{place}", safe=""),
        f"{place}?versionId=null", f"/{place}%3FversionId=null", f"plain/k/{rng.choice(WAYS_OUT)}",
        f"plain/k{rng.choice(WAYS_OUT)}", f"plain/{OWN}+?versionId=null",
    )  # fmt: skip
    return rng.choice(ways)


def _copy(rng: random.Random) -> tuple[str, Request]:
    """With the source in the header, in the query, or in both; the query may look presigned."""
    query = rng.choice(("", "?partNumber=1&uploadId={upload}"))
    request = Request("PUT", f"/plain/k{rng.choice(('', '/x', '2'))}{query}")
    name = rng.choice(("x-amz-copy-source", "X-Amz-Copy-Source", "x-amz-copy-SOURCE"))
    if rng.random() < 0.6:
        request = request.at(f"{name}={quote(_source(rng), safe='')}")
        if rng.random() < 0.5:
            request = request.at("x-amz-signature=0")
    if rng.random() < 0.5:
        source = rng.choice((_source(rng), "/plain/k"))
        request = request._replace(headers={**request.headers, name: source})
    return "copy", request


def _rename(rng: random.Random) -> tuple[str, Request]:
    request = Request("PUT", "/plain/k2?renameObject")
    return "rename", request.having(x_amz_rename_source=_source(rng))


def _path(rng: random.Random) -> str:
    place = rng.choice(PLACES)
    return rng.choice(
        (
            f"/{place}", f"//{place}", f"/plain/k/{rng.choice(WAYS_OUT)}", f"/{place}/",
            f"/plain/k{rng.choice(WAYS_OUT)}", "/" + place.replace("/", "%2F"), f"/./{place}",
        )
    )  # fmt: skip


def _read(rng: random.Random) -> tuple[str, Request]:
    words = (
        "",
        "?versionId=null",
        "?tagging",
        "?attributes",
        "?acl",
        "?partNumber=1",
        "?retention",
    )
    request = Request(rng.choice(("GET", "HEAD")), _path(rng) + rng.choice(words))
    return "read", request.having(x_amz_object_attributes="ETag")


def _list(rng: random.Random) -> tuple[str, Request]:
    bucket = rng.choice(("plain", "plain", "versioned"))
    return "list", Request("GET", f"/{bucket}?{rng.choice(PREFIXES)}{rng.choice(LISTS)}")


def _delete(rng: random.Random) -> tuple[str, Request]:
    if rng.random() < 0.4:
        return "delete", Request("DELETE", _path(rng) + rng.choice(("", "?versionId=null")))
    keys = rng.choices(("k9", "other", "k/../other", "secret/x", " other", "k9<!-- -->"), k=2)
    rows = "".join(f"<Object><Key>{key}</Key></Object>" for key in keys)
    twice = "<Object><Key>k9</Key><Key>other</Key></Object>"
    body = f"<Delete>{rows}{twice if rng.random() < 0.3 else ''}</Delete>".encode()
    request = Request("POST", "/plain?delete", body)
    return "delete many", request.having(content_md5=content_md5(body))


def _write(rng: random.Random) -> tuple[str, Request]:
    more = rng.choice(({}, {"x_amz_write_offset_bytes": "0"}, {"if_none_match": "*"}))
    words = rng.choice(("", "?tagging", "?acl", "?legal-hold"))
    return "write", Request("PUT", _path(rng) + words, b"overwritten").having(**more)


def _upload(rng: random.Random) -> tuple[str, Request]:
    """The upload is of another key."""
    method = rng.choice(("PUT", "POST", "DELETE", "GET"))
    key = rng.choice(("k", "other"))
    number = "partNumber=1&" if method == "PUT" else ""
    body = b"part" if method == "PUT" else b""
    return "upload", Request(method, f"/plain/{key}?{number}uploadId={{upload}}", body)


# ---------------------------------------------------------------- the campaign


def messages(rng: random.Random, sender: Sender) -> Iterator[Message]:
    for _ in range(MESSAGES):
        name, request = (random_request if rng.random() < 0.5 else pointed_request)(rng)
        yield sender.message(rng, request, f"{name} {request}"[:700])


def run_rounds(torture: Campaign, world: World) -> None:
    before = world.state()
    for number, chance in torture.rounds():
        found = ""
        for who, sender in world.callers.items():
            for message in messages(chance, sender):
                answer = world.exchange(message)
                if who != "reader" and (SECRET in answer or HIDDEN.encode() in answer):
                    found += f"\n  shown to {who}: {message.what}"
            after = world.state()
            changed = {at for at in {*before, *after} if before.get(at) != after.get(at)}
            found += "".join(f"\n  changed by {who}: {at}" for at in sorted(changed))
            found += "".join(f"\n  stolen by {who}: {key}" for key in world.stolen())
            before = after
        if found:
            torture.failed(number, found)
        else:
            torture.passed(number)


@pytest.mark.torture
def test_callers_of_the_embedded_store_keep_to_what_they_may_do(
    campaign: Callable[[str, int], Campaign], agent: AgentProcess
) -> None:
    run_rounds(campaign("access_embedded", 20), World(agent))


@pytest.mark.torture
@pytest.mark.parametrize("queue", ["true", "false"])
def test_callers_of_a_gateway_keep_to_what_they_may_do(
    campaign: Callable[[str, int], Campaign],
    start_agent: Callable[..., AgentProcess],
    tmp_path: Any,
    queue: str,
) -> None:
    remote = start_agent(home=tmp_path / "remote")
    env = {**remote.as_remote, "S3D_PROBE": "false", "S3D_WRITE_QUEUE": queue}
    gateway = start_agent(home=tmp_path / "gateway", env=env)
    run_rounds(campaign(f"access_gateway_queue_{queue}", 10), World(gateway))


def test_messages_depend_on_the_seed_alone() -> None:
    sender = Sender("localhost:1", [None], {})
    first, again = ([*messages(random.Random(7), sender)] for _ in range(2))
    assert first == again
    assert all(SECRET not in each.data and HIDDEN.encode() not in each.data for each in first)
