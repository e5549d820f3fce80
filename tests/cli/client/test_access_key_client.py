"""The calls reach the routes, whatever stands in a name."""

from __future__ import annotations

import pytest

from s3d.cli.client.access_key_client import AccessKeyClient
from s3d.shared.access_key_changes import KeyRequest, RotateRequest
from s3d.shared.errors import NotFoundError, S3dError


def test_all_calls(start_agent):
    client = AccessKeyClient(start_agent().client)
    name = "a+b=c,d.e@f_-"
    new = client.create(KeyRequest(name, "alice"))
    assert [key.name for key in client.list_keys().keys] == ["default", name]
    rotated = client.rotate(name, RotateRequest(grace=60.0))
    assert rotated.access_key_id != new.access_key_id
    assert [key.state for key in client.list_keys().keys] == ["active", "rotated", "active"]
    assert {key.access_key_id for key in client.revoke(name).keys} == {
        new.access_key_id,
        rotated.access_key_id,
    }
    with pytest.raises(S3dError, match="a key of this name exists"):
        client.create(KeyRequest("default"))
    for unknown in ("nobody", "a/b", "ä?#", "..", ":revoke"):
        with pytest.raises(NotFoundError):
            client.revoke(unknown)
