"""Each S3 client goes through one workflow against one agent, in an environment of its own.

What a client does is in tests/e2e/clients. It prints what it saw; the expected values are the same
for all clients, and boto3 of this process looks at what they left behind.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.agent_process import AgentProcess, environment
from tests.e2e.clients import environment as clients
from tests.e2e.clients import workflow
from tests.peers.servers import program

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
TIMEOUT = 120.0


@dataclass(frozen=True)
class Client:
    """How a client is started. lacks: the steps that it has no means for."""

    command: Callable[[], list[str | Path]]
    lacks: frozenset[str] = frozenset()


def module(name: str, *arguments: str) -> Callable[[], list[str | Path]]:
    return lambda: [clients.python(), "-m", f"tests.e2e.clients.{name}", *arguments]


def node() -> list[str | Path]:
    script = ROOT / "tests" / "e2e" / "clients" / "javascript_workflow.mjs"
    inputs = {
        "key": workflow.KEY,
        "copy": workflow.COPY,
        "text": workflow.TEXT.decode(),
        "large_key": workflow.LARGE_KEY,
        "large_size": len(workflow.LARGE),
        "part": workflow.PART,
        "range": f"bytes={workflow.RANGE.start}-{workflow.RANGE.stop - 1}",
        "many": workflow.MANY,
        "doomed": workflow.DOOMED,
        "tags": workflow.TAGS,
        "versions": [one.decode() for one in workflow.VERSIONS],
    }
    return ["node", script, clients.npm(), json.dumps(inputs)]


def aws_cli() -> list[str | Path]:
    """It is in the environment of the tests."""
    return [sys.executable, "-m", "tests.e2e.clients.aws_cli_workflow"]


CLIENTS = {
    "boto3": Client(module("boto3_workflow")),
    "aws-cli": Client(aws_cli),
    "javascript": Client(node),
    "minio": Client(module("minio_workflow")),
    "rclone": Client(module("command_line", "rclone"), frozenset({"tag"})),
    "s3cmd": Client(module("command_line", "s3cmd"), frozenset({"range", "version"})),
    "s3fs": Client(module("s3fs_workflow")),
    "pyarrow": Client(module("pyarrow_workflow"), frozenset({"tag", "version", "presign"})),
    "obstore": Client(module("obstore_workflow"), frozenset({"create", "tag"})),
}
TABLES: dict[str, dict[str, Any]] = {
    "deltalake": {
        "rows": ["Bern", "Köln", "São Paulo"],
        "version": 1,
        "first": ["Bern", "Köln"],
        "after delete": 2,
        "stale writer": "refused",
        "vacuumed": True,
    },
    "pyiceberg": {
        "rows": ["Bern", "Köln", "São Paulo"],
        "filtered": ["Köln", "São Paulo"],
        "first": ["Bern", "Köln"],
        "after delete": 2,
    },
    "polars": {
        "rows": ["Bern", "Köln", "São Paulo"],
        "filtered": ["Köln", "São Paulo"],
        "sum": 12_670_000,
        "csv": True,
    },
}


@pytest.fixture(scope="module")
def listed(s3: Any) -> str:
    """More keys than one page of a listing, and two folders, below workflow.MANY."""
    name = f"listed-{uuid.uuid4().hex[:8]}"
    s3.create_bucket(Bucket=name)
    files = [f"{workflow.MANY}{n:04} ü" for n in range(workflow.FILES)]
    keys = [*files, *(f"{folder}inside" for folder in workflow.FOLDERS)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: s3.put_object(Bucket=name, Key=key, Body=b""), keys))
    return name


@pytest.fixture(scope="module")
def versioned(s3: Any) -> str:
    name = f"versioned-{uuid.uuid4().hex[:8]}"
    s3.create_bucket(Bucket=name)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return name


def run(agent: AgentProcess, home: Path, command: Callable[[], list[Any]], *buckets: str) -> Any:
    """What the client printed. The test is skipped when the client cannot be installed."""
    try:
        line = command()
    except clients.NotInstallable as error:
        pytest.skip(str(error))
    access_key, secret = agent.key
    env = environment(
        home,
        AWS_ENDPOINT_URL_S3=agent.endpoint,
        AWS_ACCESS_KEY_ID=access_key,
        AWS_SECRET_ACCESS_KEY=secret,
        AWS_REGION="us-east-1",
        AWS_DEFAULT_REGION="us-east-1",
        AWS_EC2_METADATA_DISABLED="true",
        AWS_CONFIG_FILE=str(home / "config"),
        RCLONE=program("rclone") or "rclone",
    )
    (home / "config").write_text(
        "[default]\ns3 =\n  multipart_threshold = 5MB\n  multipart_chunksize = 5MB\n"
    )
    done = subprocess.run(
        [*line, *buckets],
        env=env,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", CLIENTS)
def test_a_client_goes_through_the_workflow(
    agent: AgentProcess, s3: Any, listed: str, versioned: str, tmp_path: Path, name: str
) -> None:
    client = CLIENTS[name]
    bucket = f"{name}-{uuid.uuid4().hex[:8]}"
    if "create" in client.lacks:
        s3.create_bucket(Bucket=bucket)
    saw = run(agent, tmp_path, client.command, bucket, listed, versioned)
    expected = {k: v for k, v in workflow.EXPECTED.items() if k not in client.lacks}
    assert saw == expected
    large = s3.get_object(Bucket=bucket, Key=workflow.LARGE_KEY)
    assert re.search(r'-[12]"$', large["ETag"]), "not a multipart upload"
    assert large["Body"].read() == workflow.LARGE
    assert s3.get_object(Bucket=bucket, Key=workflow.COPY)["Body"].read() == workflow.TEXT
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)


@pytest.mark.finding("F1")
@pytest.mark.parametrize("name", TABLES)
def test_tables_live_in_a_folder_with_spaces(
    agent: AgentProcess, s3: Any, bucket: str, tmp_path: Path, name: str
) -> None:
    assert run(agent, tmp_path, module("tables", name), bucket, "", "") == TABLES[name]
    keys = [one["Key"] for one in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    assert all(key.startswith("lake house/") for key in keys)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)
