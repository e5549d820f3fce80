from __future__ import annotations

from pathlib import Path

import pytest

from s3d.agent.s3.listing import BYTES, UNKNOWN
from s3d.agent.stores.remote.backend import BackendFiles, open_backend
from s3d.agent.stores.remote.credential_provider import CredentialProvider
from s3d.agent.stores.remote.http_transport import Settings
from s3d.shared.errors import UsageError


def opened(url: str, folder: Path):
    files = BackendFiles(url, folder / "capabilities.json")
    return open_backend(Settings(url), CredentialProvider(), files, may_probe=False)


@pytest.mark.parametrize(("url", "order"), [("aws", BYTES), ("http://s3.example.org", UNKNOWN)])
def test_a_url_opens_the_backend_of_its_service(url: str, order: str, tmp_path: Path) -> None:
    backend = opened(url, tmp_path)
    assert (backend.url, backend.capabilities.listing_order("bucket")) == (url, order)
    assert backend.capabilities.known_of("bucket") is None


def test_a_url_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be used"):
        opened("ftp://x", tmp_path)
