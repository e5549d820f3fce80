"""The client against a real agent."""

import pytest

from s3d.cli.client.transfer_client import TransferClient
from s3d.shared.errors import NotFoundError, S3dError
from s3d.shared.transfers import TransferRequest


@pytest.fixture
def client(agent):
    agent.objects.create_bucket("one")
    return TransferClient(agent.client)


def test_all_calls(agent, client, tmp_path):
    (tmp_path / "f").write_bytes(b"data")
    (started,) = client.start(TransferRequest("upload", "one", paths=[str(tmp_path / "f")]))
    assert client.get(started.id, wait="20").state == "done"
    assert [each.id for each in client.all()] == [started.id]
    assert [each.id for each in client.all("upload", "done")] == [started.id]
    assert client.all("download") == []
    for verb in (client.pause, client.resume, client.retry, client.cancel):
        with pytest.raises(S3dError, match="cannot"):
            verb(started.id)
    assert client.clear() == 1
    with pytest.raises(NotFoundError):
        client.get(started.id)
