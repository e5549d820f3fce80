"""The client's part for the access keys of the agent's clients."""

from __future__ import annotations

from urllib.parse import quote

from s3d.cli.client.control_client import ControlClient, path_of
from s3d.shared.access_key_changes import KeyList, KeyRequest, NewKey, RotateRequest
from s3d.shared.control import Explanation


class AccessKeyClient:
    """The keys, by the routes of frontends/control/access_key_routes.py."""

    def __init__(self, client: ControlClient) -> None:
        self._client = client

    def list_keys(self) -> KeyList:
        return self._client.request("GET", "/v1/access-keys", KeyList)

    def create(self, request: KeyRequest) -> NewKey:
        return self._client.request("POST", "/v1/access-keys", NewKey, request)

    def explain(self, action: str, bucket: str, key: str, caller: str) -> Explanation:
        """Whether a key may do something. caller: its name or id, "anonymous"; "": the default."""
        query = {"action": action, "bucket": bucket, "key": key, "as": caller}
        return self._client.request("GET", path_of("/v1/access-decision", **query), Explanation)

    def rotate(self, name: str, request: RotateRequest) -> NewKey:
        path = f"/v1/access-keys/{quote(name, safe='')}:rotate"
        return self._client.request("POST", path, NewKey, request)

    def revoke(self, name: str) -> KeyList:
        path = f"/v1/access-keys/{quote(name, safe='')}:revoke"
        return self._client.request("POST", path, KeyList)
