from __future__ import annotations

from typing import cast

from s3d.agent.stores.remote.messages import Answer
from s3d.agent.stores.remote.request_body import ResponseBody


def test_headers_by_name() -> None:
    answer = Answer(200, (("etag", "1"), ("x", "2")), cast("ResponseBody", None))
    assert answer.by_name == {"etag": "1", "x": "2"}
