from __future__ import annotations

from typing import cast

from s3d.agent.stores.remote.remote_messages import RemoteResponse, ResponseBody


def test_headers_by_name() -> None:
    answer = RemoteResponse(200, (("etag", "1"), ("x", "2")), cast("ResponseBody", None))
    assert answer.by_name == {"etag": "1", "x": "2"}
