"""A state folder that d06079b has written opens with today's code, loses nothing and is upgraded.

make.py has made it: the queue's agent was killed, all others were stopped.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path

import pytest

from s3d.agent.storage.index import LAYOUT
from s3d.cli.client.cache_client import CacheClient
from s3d.cli.client.queue_client import QueueClient
from s3d.cli.client.sync_client import SyncClient
from tests.state.contents import (
    CACHED,
    DELETED,
    PARTS,
    PENDING,
    STORE,
    SYNCED,
    VERSIONS,
    data,
)

pytestmark = pytest.mark.slow

AWAY = {
    "S3D_REMOTE": "http://127.0.0.1:9",
    "AWS_ACCESS_KEY_ID": "k",
    "AWS_SECRET_ACCESS_KEY": "secret",
}


@pytest.fixture
def state(tmp_path: Path) -> Path:
    with tarfile.open(Path(__file__).with_name("d06079b.tar.gz")) as tar:
        tar.extractall(tmp_path, filter="data")
    return tmp_path / "state"


def whole(name: str) -> bytes:
    return b"".join(data(f"{name}-{number}", size) for number, size in enumerate(PARTS, 1))


def read(s3, bucket: str, key: str, **members) -> bytes:
    return s3.get_object(Bucket=bucket, Key=key, **members)["Body"].read()


def layout(file: Path) -> int:
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute("PRAGMA user_version").fetchone()[0] % 1_000


def lost(folder: Path) -> list[Path]:
    return list(folder.rglob("lost+found/*"))


@pytest.mark.rule("REST-3")
def test_the_embedded_store(start_agent, state):
    agent = start_agent(home=state)
    s3 = agent.s3()
    for key, size in STORE.items():
        found = s3.get_object(Bucket="stored", Key=key)
        assert (found["Body"].read(), found["Metadata"]) == (data(key, size), {"a": "1"})
    assert read(s3, "stored", "copy") == data("large", STORE["large"])
    assert read(s3, "stored", "parts") == whole("parts")
    assert s3.get_object_tagging(Bucket="stored", Key="small")["TagSet"]
    listed = s3.list_object_versions(Bucket="versions")
    ids = [version["VersionId"] for version in listed["Versions"] if version["Key"] == "key"]
    found = [read(s3, "versions", "key", VersionId=id).decode() for id in reversed(ids)]
    assert tuple(found) == VERSIONS
    assert [marker["Key"] for marker in listed["DeleteMarkers"]] == ["gone"]
    (upload,) = s3.list_multipart_uploads(Bucket="stored")["Uploads"]
    place = {"Bucket": "stored", "Key": "unfinished", "UploadId": upload["UploadId"]}
    parts = [
        {"PartNumber": part["PartNumber"], "ETag": part["ETag"]}
        for part in s3.list_parts(**place)["Parts"]
    ]
    s3.complete_multipart_upload(**place, MultipartUpload={"Parts": parts})
    assert read(s3, "stored", "unfinished") == whole("unfinished")
    assert agent.client.status().warnings == []
    agent.stop()
    assert not lost(state)
    assert layout(state / "data/store/index.sqlite") == LAYOUT


def test_the_queue_and_the_cache_while_the_remote_is_away(start_agent, state):
    agent = start_agent(home=state, env=AWAY)
    s3, queue = agent.s3(), QueueClient(agent.client)
    assert queue.status().paused
    names = sorted(write.key for write in queue.transfers())
    assert names == sorted([*PENDING, "queued-parts", DELETED])
    for key, size in PENDING.items():
        assert read(s3, "remote", key) == data(key, size)
    assert read(s3, "remote", "queued-parts") == whole("queued-parts")
    (pin,) = CacheClient(agent.client).pins()
    assert pin.pin.key == "cached-small"
    agent.stop()
    assert not lost(state)


@pytest.mark.rule("REST-3")
def test_the_queue_goes_on_to_the_remote(start_agent, state, tmp_path):
    remote = start_agent(home=tmp_path / "behind")
    behind = remote.s3()
    behind.create_bucket(Bucket="remote")
    access_key, secret = remote.key
    env = {
        "S3D_REMOTE": remote.endpoint,
        "AWS_ACCESS_KEY_ID": access_key,
        "AWS_SECRET_ACCESS_KEY": secret,
    }
    for key, size in CACHED.items():
        behind.put_object(Bucket="remote", Key=key, Body=data(key, size))
    agent = start_agent(home=state, env=env)
    s3, queue = agent.s3(), QueueClient(agent.client)
    assert CacheClient(agent.client).status().files == len(CACHED)
    for key, size in CACHED.items():
        assert read(s3, "remote", key) == data(key, size)
    assert CacheClient(agent.client).status().misses == 0
    (upload,) = s3.list_multipart_uploads(Bucket="remote")["Uploads"]
    place = {"Bucket": "remote", "Key": "queued-unfinished", "UploadId": upload["UploadId"]}
    parts = [
        {"PartNumber": part["PartNumber"], "ETag": part["ETag"]}
        for part in s3.list_parts(**place)["Parts"]
    ]
    s3.complete_multipart_upload(**place, MultipartUpload={"Parts": parts})
    queue.resume()
    left = queue.drain(30, hurry=True)
    assert (left.moving.files, left.failed.files) == (0, 0)
    assert list(queue.transfers()) == []  # not even a conflict
    for key, size in PENDING.items():
        assert read(behind, "remote", key) == data(key, size)
    for key in ("queued-parts", "queued-unfinished"):
        assert read(behind, "remote", key) == whole(key)
    listed = [row["Key"] for row in behind.list_objects_v2(Bucket="remote")["Contents"]]
    assert DELETED not in listed


def test_the_memory_of_a_sync_folder(start_agent, state, tmp_path):
    folder, memories = tmp_path / "folder", state / "state/sync"
    own = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    (memories / "folder.sqlite").rename(memories / f"{own}.sqlite")
    facts = folder.stat()
    with closing(sqlite3.connect(memories / f"{own}.sqlite")) as connection, connection:
        values = {"remote": f"{state}/data/store synced/", "root": f"{facts.st_dev}:{facts.st_ino}"}
        for name, value in values.items():
            connection.execute("UPDATE root SET value = ? WHERE name = ?", (value, name))
    (folder / "new.txt").write_text("new")
    env = {"S3D_SYNC_FOLDER": str(folder), "S3D_SYNC_FOLDER_BUCKET": "synced"}
    agent = start_agent(home=state, env=env)
    client = SyncClient(agent.client)
    (found,) = client.folders()
    report = client.now(found.name)
    assert (report.troubles, report.conflicts, report.deleted) == (0, 0, 0)
    history = client.history(found.name, 10)
    assert sorted(row.path for row in history) == ["a.txt", "folder/b.bin", "new.txt"]
    for name, size in SYNCED.items():
        assert (folder / name).read_bytes() == data(name, size)
    listed = [row["Key"] for row in agent.s3().list_objects_v2(Bucket="synced")["Contents"]]
    assert sorted(key for key in listed if ".s3d/" not in key) == sorted([*SYNCED, "new.txt"])
