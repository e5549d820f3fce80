"""s3d receipts, without an agent."""

import json

import pytest

from s3d.agent.receipts.device_key import load_or_create
from s3d.shared.config.load import load_config
from s3d.shared.paths import find_places
from tests.agent.app.test_receipts_at_rest import write_receipts


@pytest.fixture
async def places(tmp_path):
    places = find_places(load_config(None, {}, {"local_dir": str(tmp_path)}), {})
    await write_receipts(places, places.state_dir, "2026/a", "old")
    return places


@pytest.fixture
def receipts(alone, places, tmp_path):
    def run(*arguments):
        return alone("receipts", *arguments, S3D_LOCAL_DIR=str(tmp_path))

    return run


def test_ls(receipts):
    assert [line.split()[-1] for line in receipts("ls").out.splitlines()] == ["b/2026/a", "b/old"]
    (line,) = receipts("ls", "b/2026/", "--json").out.splitlines()
    assert json.loads(line) | {"key": "2026/a", "device": "camera", "size": 5} == json.loads(line)


def test_export_and_verify_with_the_public_key(receipts, tmp_path):
    export, pem = str(tmp_path / "export"), tmp_path / "pub.pem"
    assert "2 receipts" in receipts("export", export).out
    pem.write_text(receipts("key").out)
    assert "2 receipts verified" in receipts("verify", export, "--key", str(pem)).out
    assert "2 receipts verified" in receipts("verify").out
    assert receipts("export", "-").out.encode() == (tmp_path / "export").read_bytes()


def test_a_receipt_that_was_changed_fails_the_check(receipts, tmp_path):
    export = tmp_path / "export"
    receipts("export", str(export))
    export.write_text(export.read_text().replace('"size":5', '"size":6'))
    result = receipts("verify", str(export))
    assert result.code == 1
    assert "receipt 1" in result.err
    assert "2 of 2 cannot be trusted" in result.err


def test_an_export_of_another_device_needs_its_key(receipts, alone, tmp_path):
    export, pem = str(tmp_path / "export"), tmp_path / "pub.pem"
    receipts("export", export)
    pem.write_text(receipts("key").out)
    elsewhere = {"S3D_LOCAL_DIR": str(tmp_path / "elsewhere")}
    result = alone("receipts", "verify", export, **elsewhere)
    assert (result.code, "no key yet" in result.err) == (2, True)
    assert "--key PUB" in result.err
    assert alone("receipts", "verify", export, "--key", str(pem), **elsewhere).code == 0
    (tmp_path / "elsewhere/state").mkdir(parents=True)
    load_or_create(tmp_path / "elsewhere/state")
    result = alone("receipts", "verify", export, **elsewhere)
    assert (result.code, "2 of 2 cannot be trusted" in result.err) == (1, True)
    assert "--key PUB" in result.err


def test_another_key_is_named(receipts, tmp_path):
    (tmp_path / "no.pem").write_text("no key")
    result = receipts("verify", "--key", str(tmp_path / "no.pem"))
    assert result.code == 2
    assert "no.pem is not an Ed25519 key" in result.err
