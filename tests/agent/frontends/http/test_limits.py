"""Limits of the endpoint."""

from __future__ import annotations

import resource

import pytest

from s3d.agent.frontends.http.limits import Limits, connection_cap


@pytest.mark.parametrize(
    ("files", "cap"),
    [(128, 21), (1024, 320), (65536, 4096), (16, 16), (resource.RLIM_INFINITY, 4096)],
)
def test_the_cap_leaves_files_for_the_store(
    monkeypatch: pytest.MonkeyPatch, files: int, cap: int
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (files, files))
    assert connection_cap(Limits()) == cap
