"""Make a state folder with the code of another revision, and pack it.

    git worktree add OLD REVISION
    .venv/bin/python -m tests.state.make OLD tests/state/REVISION.tar.gz

The folder is relocatable: sockets, locks and ballast are left out, and the memory of the sync
folder, whose name is made of the path, is called folder.sqlite.
"""

from __future__ import annotations

import gzip
import io
import sqlite3
import sys
import tarfile
import tempfile
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from s3d.cli.client.cache_client import CacheClient
from s3d.cli.client.queue_client import QueueClient
from s3d.cli.client.sync_client import SyncClient
from s3d.shared.caching import CachePlace
from tests.agent_process import AgentProcess, launch
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

LEFT_OUT = {"ballast", "agent.lock", "agent.sock", "stderr", "agent.log", "config.toml"}


def multipart(s3: Any, bucket: str, key: str, *, complete: bool = True) -> None:
    place = {"Bucket": bucket, "Key": key}
    place["UploadId"] = s3.create_multipart_upload(**place)["UploadId"]
    done = []
    for number, size in enumerate(PARTS, 1):
        body = data(f"{key}-{number}", size)
        part = s3.upload_part(**place, PartNumber=number, Body=body)
        done.append({"PartNumber": number, "ETag": part["ETag"]})
    if complete:
        s3.complete_multipart_upload(**place, MultipartUpload={"Parts": done})


def fill_store(s3: Any) -> None:
    for bucket in ("stored", "versions", "synced"):
        s3.create_bucket(Bucket=bucket)
    for key, size in STORE.items():
        s3.put_object(Bucket="stored", Key=key, Body=data(key, size), Metadata={"a": "1"})
    s3.put_object_tagging(
        Bucket="stored", Key="small", Tagging={"TagSet": [{"Key": "t", "Value": "1"}]}
    )
    s3.copy_object(Bucket="stored", Key="copy", CopySource="stored/large")
    multipart(s3, "stored", "parts")
    multipart(s3, "stored", "unfinished", complete=False)
    s3.put_bucket_versioning(Bucket="versions", VersioningConfiguration={"Status": "Enabled"})
    for version in VERSIONS:
        s3.put_object(Bucket="versions", Key="key", Body=version.encode())
    s3.put_object(Bucket="versions", Key="gone", Body=b"gone")
    s3.delete_object(Bucket="versions", Key="gone")


def fill_folder(folder: Path) -> None:
    for name, size in SYNCED.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data(name, size))


def wait_in_sync(agent: AgentProcess) -> None:
    client = SyncClient(agent.client)
    while True:
        (folder,) = client.folders()
        if folder.files >= len(SYNCED) and folder.state == "idle":
            return
        print("sync", folder.state, folder.files, file=sys.stderr)
        client.now(folder.name)


def fill_remote(s3: Any) -> None:
    s3.create_bucket(Bucket="remote")
    for key, size in CACHED.items():
        s3.put_object(Bucket="remote", Key=key, Body=data(key, size))
    s3.put_object(Bucket="remote", Key=DELETED, Body=b"it was here")


def fill_queue(agent: AgentProcess) -> None:
    QueueClient(agent.client).pause()
    s3 = agent.s3()
    for key, size in PENDING.items():
        s3.put_object(Bucket="remote", Key=key, Body=data(key, size))
    multipart(s3, "remote", "queued-parts")
    multipart(s3, "remote", "queued-unfinished", complete=False)
    s3.delete_object(Bucket="remote", Key=DELETED)


def make(start: Callable[..., AgentProcess], base: Path) -> None:
    home, folder = base / "state", base / "folder"
    fill_folder(folder)
    agent = start(home, env={"S3D_SYNC_FOLDER": str(folder), "S3D_SYNC_FOLDER_BUCKET": "synced"})
    fill_store(agent.s3())
    wait_in_sync(agent)
    agent.stop()
    remote = start(base / "remote")
    fill_remote(remote.s3())
    access_key, secret = remote.key
    env = {
        "S3D_REMOTE": remote.endpoint,
        "AWS_ACCESS_KEY_ID": access_key,
        "AWS_SECRET_ACCESS_KEY": secret,
    }
    agent = start(home, env=env)
    for key, size in CACHED.items():
        assert agent.s3().get_object(Bucket="remote", Key=key)["Body"].read() == data(key, size)
    CacheClient(agent.client).pin(CachePlace("remote", key="cached-small"))
    agent.stop()
    agent = start(home, env=env)
    fill_queue(agent)
    agent.kill()
    remote.kill()
    relocate(home / "state/sync")


def relocate(memories: Path) -> None:
    """Take the paths of this machine out of the memory of the sync folder."""
    (memory,) = memories.glob("*.sqlite")
    with closing(sqlite3.connect(memory)) as connection, connection:
        connection.execute("UPDATE root SET value = '' WHERE name IN ('remote', 'root')")
    with closing(sqlite3.connect(memory)) as connection:
        connection.execute("VACUUM")  # the old values would stay in free bytes of the page
    memory.rename(memories / "folder.sqlite")


def pack(base: Path, target: Path) -> None:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        for name in ("state", "folder"):
            for file in sorted((base / name).rglob("*")):
                if file.is_file() and file.name not in LEFT_OUT and "-shm" not in file.name:
                    entry = tarfile.TarInfo(str(file.relative_to(base)))
                    entry.size, entry.mode = file.stat().st_size, 0o600
                    tar.addfile(entry, io.BytesIO(file.read_bytes()))
    target.write_bytes(gzip.compress(raw.getvalue(), mtime=0))


def main() -> None:
    old, target = Path(sys.argv[1]).absolute(), Path(sys.argv[2])
    with tempfile.TemporaryDirectory(prefix="s3d-state-") as base:

        def start(home: Path, env: dict[str, str] | None = None) -> AgentProcess:
            return launch(home, env={"PYTHONPATH": str(old), **(env or {})}, cwd="/")

        make(partial(start), Path(base))
        pack(Path(base), target)
    print(target, target.stat().st_size)


if __name__ == "__main__":
    main()
