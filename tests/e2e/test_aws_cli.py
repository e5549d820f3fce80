"""The AWS command line, as people use it; each command in the one process of aws_session.py."""

from __future__ import annotations

import os
import random
import urllib.request
import uuid
from pathlib import Path

import pytest

from tests.e2e.conftest import Run

pytestmark = pytest.mark.slow


def test_a_session_of_mb_cp_ls_presign_rm(aws: Run, tmp_path: Path) -> None:
    bucket = f"s3://cli-{uuid.uuid4().hex[:8]}"
    small = tmp_path / "small.txt"
    small.write_text("hello\n")
    aws("s3", "mb", bucket)
    aws("s3", "cp", small, f"{bucket}/dir/small.txt")
    assert aws("s3", "ls", bucket).split() == ["PRE", "dir/"]
    url = aws("s3", "presign", f"{bucket}/dir/small.txt").strip()
    with urllib.request.urlopen(url) as answer:
        assert answer.read() == b"hello\n"
    aws("s3", "rb", "--force", bucket)
    assert bucket[5:] not in aws("s3", "ls")


def test_three_parts_go_and_come_back(aws: Run, bucket: str, tmp_path: Path) -> None:
    """The AWS CLI sends and reads 8 MiB at a time, several of them at once."""
    data = random.Random(1).randbytes(20 * 1024**2)
    (tmp_path / "large").write_bytes(data)
    aws("s3", "cp", "--only-show-errors", tmp_path / "large", f"s3://{bucket}/large")
    aws("s3", "cp", "--only-show-errors", f"s3://{bucket}/large", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == data


def test_sync_sends_once_and_brings_back(aws: Run, bucket: str, tmp_path: Path) -> None:
    source, back = tmp_path / "source", tmp_path / "back"
    for name in ("a.txt", "dir/b c.txt", "dir/ü+&.txt"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(name)
        # S3 tells whole seconds: a file of this very second would count as newer than its upload.
        os.utime(source / name, (1_700_000_000, 1_700_000_000))
    assert aws("s3", "sync", source, f"s3://{bucket}/p").count("upload:") == 3
    assert aws("s3", "sync", source, f"s3://{bucket}/p") == ""
    aws("s3", "sync", f"s3://{bucket}/p", back)
    found = {str(p.relative_to(back)): p.read_text() for p in back.rglob("*") if p.is_file()}
    assert found == {name: name for name in ("a.txt", "dir/b c.txt", "dir/ü+&.txt")}
