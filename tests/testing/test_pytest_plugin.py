"""The plugin as another project has it: its tests run in a pytest of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = """
import os
import boto3, pytest

OUTSIDE = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}

@pytest.mark.parametrize("number", range(6))
def test_each_begins_empty(s3d_server, s3d_bucket, number):
    s3 = boto3.client("s3")
    assert [each["Name"] for each in s3.list_buckets()["Buckets"]] == [s3d_bucket]
    s3.put_object(Bucket=s3d_bucket, Key="k", Body=b"data")
    assert os.environ["AWS_ENDPOINT_URL_S3"] == s3d_server.endpoint
    assert "AWS_PROFILE" not in os.environ

def test_outside_nothing_is_set():
    assert {n: v for n, v in os.environ.items() if n.startswith("AWS_")} == OUTSIDE

async def test_async_as_well(s3d_server):
    async with s3d_server.async_client() as s3:
        assert (await s3.list_buckets())["Buckets"] == []
"""


IN_THE_WAY = """
import asyncio, boto3, pytest

@pytest.fixture(autouse=True)
def of_the_user(monkeypatch):
    monkeypatch.delenv("AWS_PROFILE")

def test_before(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "other")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "other")
    assert boto3.Session().get_credentials().access_key == "other"
    boto3.client("sts", region_name="eu-west-1")

def test_clients_of_a_session_server(s3d_session_server):
    s3d_session_server.client().create_bucket(Bucket="direct")

    async def names():
        async with s3d_session_server.async_client() as s3:
            return [each["Name"] for each in (await s3.list_buckets())["Buckets"]]

    assert asyncio.run(names()) == ["direct"]

def test_it(s3d_bucket):
    boto3.client("s3").put_object(Bucket=s3d_bucket, Key="k", Body=b"data")

def test_after(monkeypatch):
    boto3.client("sts", region_name="eu-west-1")
    assert boto3.DEFAULT_SESSION.get_credentials().access_key == "other"
"""


def run(folder: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments, str(folder)],
        capture_output=True,
        text=True,
        cwd=folder,
        env=os.environ | {"AWS_PROFILE": "of-the-user"} | env,
    )


@pytest.mark.slow
def test_every_worker_has_a_server_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(TESTS)
    done = run(tmp_path, "-n", "2", "-o", "asyncio_mode=auto")
    assert "8 passed" in done.stdout, done.stdout


def test_it_needs_no_other_plugin_and_can_be_switched_off(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text("def test_it(s3d_bucket):\n    assert s3d_bucket\n")
    off = ("-p", "no:xdist", "-p", "no:asyncio", "-p", "no:anyio")
    assert "1 passed" in run(tmp_path, *off).stdout
    assert "fixture 's3d_bucket' not found" in run(tmp_path, *off, "-p", "no:s3d").stdout


def test_nothing_of_the_user_is_in_the_way(tmp_path: Path) -> None:
    """Neither the credentials that boto3 remembers, nor a proxy, nor the switch that lets the SDKs
    ignore the endpoint. Afterwards, boto3 has what it had."""
    (tmp_path / "test_it.py").write_text(IN_THE_WAY)
    ignored = {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}
    proxy = {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
    done = run(tmp_path, "-p", "no:xdist", **ignored, **proxy, NO_PROXY="example.org")
    assert "4 passed" in done.stdout, done.stdout


def test_loading_it_loads_nothing_else() -> None:
    code = (
        "import pytest, sys; before = set(sys.modules);"
        "import s3d.testing.pytest_plugin;"
        "print(sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['s3d', 's3d.testing', 's3d.testing.pytest_plugin']"
