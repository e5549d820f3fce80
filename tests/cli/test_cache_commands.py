"""s3d cache, pin, unpin and prefetch before a real remote."""

from __future__ import annotations

import json

import pytest

from tests.agent_process import launch
from tests.cli.conftest import Commands
from tests.gateway.conftest import remote_settings


@pytest.fixture
def cached(tmp_path, seaweedfs, new_bucket):
    """Commands of an agent before SeaweedFS, whose bucket holds p/0 to p/4 and large."""
    for number in range(5):
        assert seaweedfs.ask("PUT", f"/{new_bucket}/p/{number}", b"x" * 1_000) == 200
    assert seaweedfs.ask("PUT", f"/{new_bucket}/large", b"x" * 3_000_000) == 200
    agent = launch(tmp_path / "home", env=dict(remote_settings(seaweedfs)))
    yield Commands(tmp_path, agent.env)
    agent.kill()
    agent.process.stdout.close()


def test_without_a_remote_there_is_nothing_to_cache(s3d):
    for command in (("cache",), ("pin",), ("unpin", "bbb"), ("prefetch", "bbb")):
        result = s3d(*command)
        assert (result.code, result.out) == (2, "")
        assert "S3D_REMOTE" in result.err


@pytest.mark.slow
def test_what_is_read_is_listed_and_evicted(cached, new_bucket):
    s3d, place = cached, f"{new_bucket}/p/0"
    assert "not cached" in s3d("status", place).out
    assert s3d("get", "-q", place).out == s3d("get", "-q", place).out == "x" * 1_000
    assert "cached, checked" in s3d("status", place).out
    listed = s3d("cache", "ls").out
    assert listed.split()[-1] == place
    assert "whole" in listed
    numbers = json.loads(s3d("cache", "--json").out)
    assert (numbers["files"], numbers["hits"], numbers["misses"]) == (1, 1, 1)
    assert "1 of 2 (50 %)" in s3d("cache", "stat").out
    assert "1 object" in s3d("status").out
    assert s3d("cache", "evict", place).out == f"evicted 1 object of {place}\n"
    again = s3d("cache", "evict", place)
    assert (again.code, "s3d cache ls" in again.err) == (3, True)


@pytest.mark.slow
def test_a_pin_is_brought_shown_and_taken_off(cached, new_bucket):
    s3d, place = cached, f"{new_bucket}/p/"
    assert s3d("pin", place).code == 0
    while "5 objects, 4.9 KiB of 5 objects" not in (shown := s3d("pin").out):
        assert "(" not in shown
    assert json.loads(s3d("pin", "--json").out)["pin"]["prefix"] == "p/"
    missing = s3d("pin", "nobucket/")
    assert (missing.code, missing.out) == (3, "")
    assert "bucket does not exist: nobucket\n  hint: list the buckets" in missing.err
    assert "pinned" in s3d("status", f"{new_bucket}/p/1").out
    assert s3d("unpin", place).out == f"unpinned {place}\n"
    again = s3d("unpin", place)
    assert (again.code, "s3d pin lists" in again.err) == (3, True)


@pytest.mark.slow
def test_a_prefetch_says_what_it_brought(cached, new_bucket):
    s3d = cached
    result = s3d("prefetch", new_bucket)
    assert (result.code, result.err) == (0, "")
    assert result.out == f"{new_bucket}: 6 objects, 2.9 MiB in the cache\n"
    assert s3d("cache", "verify").out == "verified 6 objects, 2.9 MiB; 0 damaged\n"
    nothing = s3d("prefetch", f"{new_bucket}/nothing/")
    assert (nothing.code, "no such key or prefix" in nothing.err) == (3, True)
    bad = s3d("prefetch", new_bucket, "--bandwidth", "fast")
    assert (bad.code, "--bandwidth" in bad.err) == (2, True)
    asked = s3d("cache", "clear")
    assert (asked.code, "--yes" in asked.err) == (2, True)
    assert s3d("cache", "clear", "--yes").out == "cleared 6 objects\n"


@pytest.mark.slow
def test_a_damaged_file_is_found(cached, new_bucket, tmp_path):
    s3d = cached
    assert s3d("prefetch", f"{new_bucket}/large").code == 0
    (path,) = [p for p in (tmp_path / "home").rglob("read_cache/v*/blobs/*/*") if p.is_file()]
    with path.open("r+b") as file:
        file.seek(2_000_000)
        file.write(b"Y")
    found = s3d("cache", "verify")
    assert (found.code, "damaged, dropped" in found.out) == (1, True)
    assert s3d("get", "-q", f"{new_bucket}/large").data == b"x" * 3_000_000
