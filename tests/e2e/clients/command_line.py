"""s3cmd and rclone, which are programs: `python -m tests.e2e.clients.command_line s3cmd ...`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

from tests.e2e.clients import workflow as w


def s3cmd(at: w.ClientSetup) -> Iterator[tuple[str, Any]]:
    """It has no ranges and no ids of versions."""
    host = urlsplit(at.endpoint).netloc
    common = ("--config=/dev/null", "--no-ssl", f"--host={host}", f"--host-bucket={host}")
    keys = (f"--access_key={at.access_key}", f"--secret_key={at.secret}")

    def run(*arguments: str | Path) -> str:
        program = Path(sys.executable).with_name("s3cmd")
        return output(sys.executable, program, *common, *keys, "--no-progress", *arguments).decode()

    bucket, small = f"s3://{at.bucket}", Path("small")
    key = f"{bucket}/{w.KEY}"
    run("mb", bucket)
    yield "create", bucket in run("ls")
    small.write_bytes(w.TEXT)
    yield "put", "upload:" in run("put", small, key)
    Path("large").write_bytes(w.LARGE)
    run("put", "--multipart-chunk-size-mb=5", "large", f"{bucket}/{w.LARGE_KEY}")
    run("get", f"{bucket}/{w.LARGE_KEY}", "back")
    yield "multipart", w.digest(Path("back").read_bytes())
    run("get", "--force", key, "back")
    yield "get", Path("back").read_text()
    lines = run("ls", f"s3://{at.listed}/{w.MANY}").splitlines()
    yield "list", list(w.listing(line.split(f"s3://{at.listed}/")[1] for line in lines))
    run("cp", key, f"{bucket}/{w.COPY}")
    run("get", "--force", f"{bucket}/{w.COPY}", "back")
    yield "copy", Path("back").read_text()
    doomed = [Path(each) for each in w.DOOMED]
    doomed[0].parent.mkdir()
    for file in doomed:
        file.write_bytes(b"x")
    run("put", "--recursive", "doomed", f"{bucket}/")
    before = len(run("ls", f"{bucket}/doomed/").splitlines())
    run("del", "--recursive", "--force", f"{bucket}/doomed/")
    yield "delete many", [before, len(run("ls", f"{bucket}/doomed/").splitlines())]
    run("settagging", key, "&".join(f"{name}={value}" for name, value in w.TAGS.items()))
    pairs = (line.split("\t")[1:] for line in run("gettagging", key).splitlines()[1:])
    yield "tag", {name.rstrip(":"): value for name, value in pairs}
    yield "presign", w.fetch(run("signurl", key, "+60").strip())


def rclone(at: w.ClientSetup) -> Iterator[tuple[str, Any]]:
    """It has no tags."""
    options = "provider=Other,env_auth=true,list_version=2,versions={},upload_cutoff=5Mi"
    remote = f":s3,{options},chunk_size=5Mi,endpoint='{at.endpoint}':"
    plain, versions = remote.format("false"), remote.format("true")

    def run(*arguments: str | Path) -> bytes:
        return output(os.environ["RCLONE"], "--config", "/dev/null", *arguments)

    bucket = plain + at.bucket
    run("mkdir", bucket)
    yield "create", f"{at.bucket}/" in run("lsf", plain).decode().splitlines()
    Path("small").write_bytes(w.TEXT)
    run("copyto", "small", f"{bucket}/{w.KEY}")
    yield "put", run("lsf", f"{bucket}/{w.KEY}").decode().strip() == Path(w.KEY).name
    Path("large").write_bytes(w.LARGE)
    run("copyto", "large", f"{bucket}/{w.LARGE_KEY}")
    run("copyto", f"{bucket}/{w.LARGE_KEY}", "back")
    yield "multipart", w.digest(Path("back").read_bytes())
    yield "get", run("cat", f"{bucket}/{w.KEY}").decode()
    count = str(w.RANGE.stop - w.RANGE.start)
    span = ("--offset", str(w.RANGE.start), "--count", count)
    yield "range", run("cat", *span, f"{bucket}/{w.LARGE_KEY}").hex()
    names = run("lsf", f"{plain}{at.listed}/{w.MANY}").decode().splitlines()
    yield "list", list(w.listing(w.MANY + name for name in names))
    run("copyto", f"{bucket}/{w.KEY}", f"{bucket}/{w.COPY}")
    yield "copy", run("cat", f"{bucket}/{w.COPY}").decode()
    Path("doomed").mkdir()
    for key in w.DOOMED:
        Path(key).write_bytes(b"")
    run("copy", "doomed", f"{bucket}/doomed")
    before = len(run("lsf", f"{bucket}/doomed").splitlines())
    run("delete", f"{bucket}/doomed")
    yield (
        "delete many",
        [before, len(run("lsf", "-R", bucket, "--include", "doomed/**").splitlines())],
    )
    for body in w.VERSIONS:
        Path("v").write_bytes(body)
        run("copyto", "--ignore-times", "v", f"{plain}{at.versioned}/rclone/v")
    every = sorted(
        run("lsf", f"{versions}{at.versioned}/rclone").decode().splitlines(), reverse=True
    )
    texts = [run("cat", f"{versions}{at.versioned}/rclone/{name}").decode() for name in every]
    yield "version", texts
    yield "presign", w.fetch(run("link", "--expire", "1m", f"{bucket}/{w.KEY}").decode().strip())


def output(*command: str | Path) -> bytes:
    """What the command prints. Raises RuntimeError with its errors."""
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command}: {done.returncode}: {done.stderr.decode()}")
    return done.stdout


name = sys.argv.pop(1)
with TemporaryDirectory() as folder:
    os.chdir(folder)
    w.main({"s3cmd": s3cmd, "rclone": rclone}[name])
