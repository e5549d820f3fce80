"""The AWS CLI's own driver in one process: a process for each command would take a second."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from awscli.clidriver import create_clidriver

from tests.e2e.clients import workflow as w

DRIVER = create_clidriver()


def steps(at: w.ClientSetup) -> Iterator[tuple[str, Any]]:
    aws("s3", "mb", f"s3://{at.bucket}")
    yield "create", at.bucket in aws("s3", "ls")
    with TemporaryDirectory() as name:
        yield from _steps(at, Path(name))


def _steps(at: w.ClientSetup, folder: Path) -> Iterator[tuple[str, Any]]:
    own = ("--bucket", at.bucket)
    object_url = f"s3://{at.bucket}/{w.KEY}"
    (folder / "small").write_bytes(w.TEXT)
    (folder / "large").write_bytes(w.LARGE)
    yield "put", "upload:" in aws("s3", "cp", str(folder / "small"), object_url)
    aws("s3", "cp", str(folder / "large"), f"s3://{at.bucket}/{w.LARGE_KEY}")
    aws("s3", "cp", f"s3://{at.bucket}/{w.LARGE_KEY}", str(folder / "back"))
    yield "multipart", w.digest((folder / "back").read_bytes())

    def read(key: str, *options: str) -> bytes:
        file = folder / "read"
        aws("s3api", "get-object", *own, "--key", key, *options, str(file))
        return file.read_bytes()

    aws("s3", "cp", object_url, str(folder / "back"))
    yield "get", (folder / "back").read_text()
    span = f"bytes={w.RANGE.start}-{w.RANGE.stop - 1}"
    yield "range", read(w.LARGE_KEY, "--range", span).hex()
    lines = aws("s3", "ls", f"s3://{at.listed}/{w.MANY}").splitlines()
    folders = [w.MANY + line.split("PRE ")[1] for line in lines if "PRE " in line]
    yield "list", [len(lines) - len(folders), folders]
    aws("s3", "cp", object_url, f"s3://{at.bucket}/{w.COPY}")
    yield "copy", read(w.COPY).decode()
    doomed = folder / "doomed"
    doomed.mkdir()
    for key in w.DOOMED:
        (folder / key).write_bytes(b"")
    aws("s3", "sync", str(doomed), f"s3://{at.bucket}/doomed")
    before = len(aws("s3", "ls", f"s3://{at.bucket}/doomed/").splitlines())
    objects = json.dumps({"Objects": [{"Key": key} for key in w.DOOMED]})
    aws("s3api", "delete-objects", *own, "--delete", objects)
    left = json.loads(aws("s3api", "list-objects-v2", *own, "--prefix", "doomed/"))
    yield "delete many", [before, left.get("KeyCount", 0)]
    tags = [{"Key": key, "Value": value} for key, value in w.TAGS.items()]
    tagged = (*own, "--key", w.KEY)
    aws("s3api", "put-object-tagging", *tagged, "--tagging", json.dumps({"TagSet": tags}))
    seen = json.loads(aws("s3api", "get-object-tagging", *tagged))["TagSet"]
    yield "tag", {tag["Key"]: tag["Value"] for tag in seen}
    aws("s3api", "put-bucket-versioning", *own, "--versioning-configuration", "Status=Enabled")
    ids = []
    for body in w.VERSIONS:
        (folder / "v").write_bytes(body)
        answer = aws("s3api", "put-object", *own, "--key", "v", "--body", str(folder / "v"))
        ids.append(json.loads(answer)["VersionId"])
    yield "version", [read("v", "--version-id", one).decode() for one in ids]
    yield "presign", w.fetch(aws("s3", "presign", object_url).strip())


def aws(*arguments: str) -> str:
    """What `aws ARGUMENTS` prints. Raises RuntimeError with its errors."""
    output, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        code = DRIVER.main(list(arguments))
    if code:
        raise RuntimeError(f"aws {' '.join(arguments)}: {code}: {errors.getvalue()}")
    return output.getvalue()


w.main(steps)
