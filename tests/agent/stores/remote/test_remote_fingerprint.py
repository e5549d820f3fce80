from __future__ import annotations

import json
from pathlib import Path

import pytest

from s3d.agent.stores.remote.remote_fingerprint import RemoteFingerprint

BOTH = {"x-amz-request-id": "1", "x-amz-id-2": "2", "date": "now"}


def test_what_every_proven_answer_has_is_learnt() -> None:
    signature = RemoteFingerprint()
    assert not signature.is_known
    assert signature.update(BOTH)
    assert signature.marks == {"x-amz-request-id", "x-amz-id-2"}
    assert not signature.update(BOTH)
    assert signature.update({"x-amz-request-id": "3"})
    assert signature.marks == {"x-amz-request-id"}


def test_a_remote_that_has_changed_is_learnt_again() -> None:
    signature = RemoteFingerprint()
    signature.update(BOTH)
    assert signature.update({"server": "MinIO"})
    assert signature.marks == {"server: minio"}
    assert signature.update({})
    assert (signature.marks, signature.is_known) == (frozenset(), True)


def test_it_is_kept_for_each_remote(tmp_path: Path) -> None:
    file = tmp_path / "headers.json"
    for remote, headers in [("http://a", BOTH), ("http://b", {})]:
        signature = RemoteFingerprint.load(remote, file)
        assert not signature.is_known
        signature.update(headers)
        signature.save()
    first, second = (RemoteFingerprint.load(f"http://{name}", file) for name in "ab")
    assert first.marks == {"x-amz-request-id", "x-amz-id-2"}
    assert (second.marks, second.is_known) == (frozenset(), True)


@pytest.mark.parametrize("data", [b"", b"{", b'{"version": "x"}', b"[]"])
def test_a_damaged_file_is_learnt_again(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "headers.json"
    file.write_bytes(data)
    signature = RemoteFingerprint.load("http://a", file)
    assert not signature.is_known
    signature.update(BOTH)
    signature.save()
    assert json.loads(file.read_bytes())["marks"] == {
        "http://a": ["x-amz-id-2", "x-amz-request-id"]
    }


def test_a_file_of_a_newer_version_is_neither_read_nor_overwritten(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "headers.json"
    data = b'{"version": 2, "marks": {"http://a": ["x-amz-id-2"]}}'
    file.write_bytes(data)
    signature = RemoteFingerprint.load("http://a", file)
    assert not signature.is_known
    signature.update(BOTH)
    signature.save()
    assert file.read_bytes() == data
    assert "a newer s3d" in caplog.text
