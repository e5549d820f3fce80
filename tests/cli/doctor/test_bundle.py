from __future__ import annotations

import json
import tarfile

from tests.cli.conftest import Commands

SECRET = "plantedsecret0123456789"


def test_a_bundle_has_everything_but_secrets(s3d: Commands) -> None:
    done = s3d("doctor", "--bundle", "report.tar.gz", S3D_SECRET_ACCESS_KEY=SECRET,
               S3D_ACCESS_KEY_ID="somekey")  # fmt: skip
    assert done.code == 0, done.err
    file = s3d.home / "report.tar.gz"
    assert file.stat().st_mode & 0o777 == 0o600
    with tarfile.open(file) as bundle:
        content = {
            name.partition("/")[2]: bundle.extractfile(name).read().decode()
            for name in bundle.getnames()
        }
    assert {"findings.json", "versions.txt", "settings.json", "status.json"} <= content.keys()
    assert json.loads(content["status.json"])["endpoint"].startswith("http://")
    assert "msgspec" in content["versions.txt"]
    assert not [name for name, text in content.items() if SECRET in text]
    assert json.loads(content["settings.json"])["values"]["secret_access_key"] == "***"
    again = s3d("doctor", "--bundle", "report.tar.gz")
    assert (again.code, "report.tar.gz exists" in again.err, again.out) == (2, True, "")


def test_a_bundle_without_an_agent_says_so(alone: Commands) -> None:
    assert alone("doctor", "--bundle", "report.tar.gz").code == 0
    with tarfile.open(alone.home / "report.tar.gz") as bundle:
        assert b"not running" in bundle.extractfile("s3d-doctor/status.txt").read()


def test_a_bundle_has_no_credentials_of_urls(alone: Commands) -> None:
    url = f"http://me:{SECRET}@hooks.example/?token={SECRET}"
    refused = alone("doctor", "--bundle", "report.tar.gz", S3D_NOTIFICATION_TARGET="hook",
                    S3D_NOTIFICATION_TARGET_URL=url, http_proxy=url)  # fmt: skip
    assert refused.code == 1
    with tarfile.open(alone.home / "report.tar.gz") as bundle:
        texts = [bundle.extractfile(name).read().decode() for name in bundle.getnames()]
    assert any("hooks.example" in text for text in texts)
    assert not any(SECRET in text for text in texts)
