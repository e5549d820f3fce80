"""The key of the device, on the disk and as OpenSSL's tools write it."""

import base64
import stat

import pytest

from s3d.agent.receipts.device_key import FILE, load, load_or_create, parse_public_key
from s3d.shared.errors import UsageError


def test_the_private_key_is_for_the_user_only_and_stays_the_same(tmp_path):
    assert load(tmp_path) is None
    made = load_or_create(tmp_path)
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600
    again = load(tmp_path)
    assert again.public.pem == made.public.pem == load_or_create(tmp_path).public.pem
    assert made.public.fingerprint == again.public.fingerprint


def test_a_signature_is_of_these_bytes_and_of_this_key(tmp_path):
    key, other = load_or_create(tmp_path), load_or_create(tmp_path.parent)
    public = parse_public_key(key.public.pem.decode(), "pem")
    signature = key.sign(b"payload")
    assert public.is_signed(b"payload", signature)
    assert not public.is_signed(b"paYload", signature)
    assert not public.is_signed(b"payload", other.sign(b"payload"))


def test_a_key_that_others_can_read_is_refused_with_the_command_that_mends_it(tmp_path):
    load_or_create(tmp_path)
    (tmp_path / FILE).chmod(0o644)
    with pytest.raises(UsageError, match="readable by other users") as refused:
        load(tmp_path)
    assert f"chmod 600 {tmp_path / FILE}" in refused.value.remedy


def test_a_damaged_key_is_named(tmp_path):
    (tmp_path / FILE).write_bytes(b"no key")
    (tmp_path / FILE).chmod(0o600)
    with pytest.raises(UsageError, match="not an Ed25519 key"):
        load_or_create(tmp_path)


def test_a_public_key_is_read_as_32_bytes_of_base64_too(tmp_path):
    key = load_or_create(tmp_path)
    raw = base64.b64encode(key.public._public.public_bytes_raw()).decode()
    assert parse_public_key(raw, "setting").fingerprint == key.public.fingerprint


@pytest.mark.parametrize("text", ["", "AAAA", "-----BEGIN PUBLIC KEY-----\nx", "no base64!"])
def test_another_text_is_no_public_key(text):
    with pytest.raises(UsageError, match=r"pub\.pem is not an Ed25519 key"):
        parse_public_key(text, "pub.pem")


def test_a_key_of_another_algorithm_is_refused():
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    pem = public.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    with pytest.raises(UsageError, match="another algorithm"):
        parse_public_key(pem.decode(), "pub.pem")
