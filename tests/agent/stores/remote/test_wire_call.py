from __future__ import annotations

from typing import cast

from s3d.agent.stores.remote.bodies import RemoteBody
from s3d.agent.stores.remote.wire_call import Answer


def test_headers_by_name() -> None:
    answer = Answer(200, (("etag", "1"), ("x", "2")), cast("RemoteBody", None))
    assert answer.by_name == {"etag": "1", "x": "2"}
