"""What a gateway imports: with a key that is at hand, no botocore, which costs 33 MiB."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import closing
from io import BytesIO
from pathlib import Path

import pytest

from s3d.cli.client.queue_client import QueueClient
from tests.agent_process import AgentProcess
from tests.drained import drained
from tests.gateway.conftest import remote_settings
from tests.peers.servers import Peer

PART = 5 << 20


def work(agent: AgentProcess, bucket: str) -> None:
    """Have the agent push, read, list, copy and delete, and try what the remote supports."""
    agent.objects.put(bucket, "plain", BytesIO(b"data"), 4)
    with closing(agent.s3()) as client:
        client.put_object(Bucket=bucket, Key="new", Body=b"x", IfNoneMatch="*")
        upload = {"Bucket": bucket, "Key": "parts"}
        upload["UploadId"] = client.create_multipart_upload(**upload)["UploadId"]
        part = client.upload_part(**upload, PartNumber=1, Body=bytes(PART))
        parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
        client.complete_multipart_upload(**upload, MultipartUpload=parts)
        client.put_object_tagging(
            Bucket=bucket, Key="plain", Tagging={"TagSet": [{"Key": "a", "Value": "b"}]}
        )
        client.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/plain")
        drained(QueueClient(agent.client))
        assert client.get_object(Bucket=bucket, Key="plain")["Body"].read() == b"data"
        keys = [row["Key"] for row in client.list_objects_v2(Bucket=bucket)["Contents"]]
        assert keys == ["copy", "new", "parts", "plain"]
        client.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "new"}]})
    drained(QueueClient(agent.client))


@pytest.mark.slow
@pytest.mark.parametrize("source", ["environment", "profile"])
def test_an_agent_with_a_key_at_hand_never_imports_botocore(
    source: str,
    seaweedfs: Peer,
    new_bucket: str,
    start_agent: Callable[..., AgentProcess],
    tmp_path: Path,
) -> None:
    """Python itself reports what the process imports until it ends."""
    settings = dict(remote_settings(seaweedfs))
    if source == "profile":
        key, secret = settings.pop("AWS_ACCESS_KEY_ID"), settings.pop("AWS_SECRET_ACCESS_KEY")
        home = tmp_path / "home"
        (home / ".aws").mkdir(mode=0o700, parents=True)
        home.chmod(0o700)
        profile = f"[default]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n"
        (home / ".aws" / "credentials").write_text(profile)
    agent = start_agent(env={**settings, "PYTHONPROFILEIMPORTTIME": "1"}, fresh=True)
    work(agent, new_bucket)
    assert agent.stop() == 0
    imported = re.findall(r"^import time:.*\| +(\S+)$", agent.stderr, re.MULTILINE)
    assert "s3d.agent.stores.remote.direct_call" in imported
    assert [name for name in imported if name.startswith(("aioboto", "boto"))] == []
