import os
import re
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from s3d.shared.config.schema import Config
from s3d.shared.config.values import MASK, Secret
from s3d.shared.credentials import is_exposed, load_or_create, load_or_create_token
from s3d.shared.errors import S3dError, UsageError
from s3d.shared.masking import mask
from s3d.shared.paths import find_places


@pytest.fixture
def places(tmp_path):
    return find_places(Config(local_dir=tmp_path), {})


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_first_start_makes_a_key_and_later_ones_read_it(places):
    key = load_or_create(places, Config())
    assert re.fullmatch(r"S3D[A-Z0-9]{17}", key.access_key_id)
    assert re.fullmatch(r"[A-Za-z0-9]{40}", key.secret.reveal())
    assert load_or_create(places, Config()) == key


def test_only_the_owner_may_read_it_whatever_the_umask(places):
    before = os.umask(0)
    try:
        load_or_create(places, Config())
    finally:
        os.umask(before)
    assert mode(places.credentials_file) == 0o600
    assert mode(places.state_dir) == 0o700


def test_nothing_else_is_left_beside_it(places):
    load_or_create(places, Config())
    assert os.listdir(places.state_dir) == ["credentials"]


def test_two_first_starts_at_once_get_one_key(places):
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: load_or_create(places, Config()), range(8)))
    assert len(keys) == 1


def test_the_configured_key_wins_and_no_file_is_made(places):
    config = Config(access_key_id="mine", secret_access_key=Secret("0123456789"))
    key = load_or_create(places, config)
    assert (key.access_key_id, key.secret.reveal()) == ("mine", "0123456789")
    assert not places.state_dir.exists()


@pytest.mark.parametrize("bits", [0o640, 0o604, 0o620, 0o666])
def test_a_file_open_to_others_is_refused_with_the_chmod(places, bits):
    load_or_create(places, Config())
    places.credentials_file.chmod(bits)
    with pytest.raises(UsageError) as caught:
        load_or_create(places, Config())
    assert caught.value.remedy == f"chmod 600 {places.credentials_file}"


@pytest.mark.parametrize(
    "content",
    [
        "",
        "x",
        "version = 1",
        "version = 1\nkey = []",
        '[[key]]\nid = "a"',
        "\xff",
        "version = 3\n[[key]]\nid = 'a'\nsecret = 'b'",
        "version = 1\n[[key]]\nid = 'a'\nsecret = 'b'\n[[key]]\nid = 'c'\nsecret = 'd'",
        "version = 2\n[[key]]\nid = 'a'\nsecret = 'b'\n[[key]]\nid = 'a'\nsecret = 'd'",
        *(
            f"version = 2\n[[key]]\nid = 'a'\nsecret = 'b'\n{line}"
            for line in (
                "surprise = 1",
                "name = ''",
                "name = 'a/b'",
                "owner = 'a b'",
                "bucket = '*'",
                "prefix = 'p/'",
                "bucket = 'photos'\nprefix = '../x'",
                "read_only = 1",
                "read_only = 'true'",
                "expires = 'never'",
                "expires = nan",
                "expires = inf",
                "expires = true",
                "access_key_id = 'x'",
            )
        ),
        "version = 2\n[[key]]\nid = ''\nsecret = 'b'",
        "version = 2\n[[key]]\nid = 'a'\nsecret = ''",
        "version = 2\n[[key]]\nid = 1\nsecret = 'b'",
        "version = true\n[[key]]\nid = 'a'\nsecret = 'b'",
        "version = 2\nkey = 'x'",
        "version = 2\nkey = ['x']",
    ],
)
def test_a_file_that_is_not_understood_is_left_alone_and_refused(places, content):
    load_or_create(places, Config())
    places.credentials_file.write_bytes(content.encode("latin-1"))
    with pytest.raises(UsageError) as caught:
        load_or_create(places, Config())
    assert str(places.credentials_file) in str(caught.value)
    assert caught.value.remedy
    assert places.credentials_file.read_bytes() == content.encode("latin-1")


def test_the_secret_is_in_no_message(places):
    key = load_or_create(places, Config())
    assert key.secret.reveal() not in repr(key)


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    places = find_places(Config(local_dir=tmp_path / "file"), {})
    with pytest.raises(S3dError, match="no access key"):
        load_or_create(places, Config())


EXPOSED = Config(admin="http://0.0.0.0:33334")


@pytest.mark.parametrize(
    ("admin", "exposed"),
    [
        ("", False), ("http://127.0.0.1:1", False), ("http://[::1]:1", False),
        ("http://localhost:1", False), ("http://0.0.0.0:1", True), ("http://[::]:1", True),
        ("http://192.168.1.7:1", True), ("http://nas.home:1", True),
    ],
)  # fmt: skip
def test_a_token_is_generated_only_where_other_machines_reach_the_admin_address(
    places, admin, exposed
):
    config = Config(admin=admin)
    assert is_exposed(config) is exposed
    assert (load_or_create_token(places, config) is not None) is exposed
    assert places.admin_token_file.exists() is exposed


def test_a_generated_token_is_one_line_for_its_owner_and_stays(places):
    token = load_or_create_token(places, EXPOSED)
    assert places.admin_token_file.read_text() == token.reveal() + "\n"
    assert mode(places.admin_token_file) == 0o600
    assert load_or_create_token(places, EXPOSED) == token
    assert os.listdir(places.state_dir) == ["admin-token"]


def test_a_configured_token_is_used_everywhere_and_no_file_is_made(places):
    for admin in ("http://0.0.0.0:1", "http://127.0.0.1:1"):
        config = Config(admin=admin, admin_token=Secret("0123456789abcdef"))
        assert load_or_create_token(places, config) == Secret("0123456789abcdef")
    assert load_or_create_token(places, Config(admin_token=Secret("0123456789abcdef"))) is None
    assert not places.state_dir.exists()


@pytest.mark.parametrize("content", [b"", b"short\n", b"0123456789abcdef more\n", b"\xff" * 20])
def test_a_token_that_is_not_understood_is_refused_and_not_shown(places, content):
    load_or_create_token(places, EXPOSED)
    places.admin_token_file.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        load_or_create_token(places, EXPOSED)
    assert str(places.admin_token_file) in str(caught.value)
    assert "0123456789abcdef" not in str(caught.value)


def test_a_token_that_others_can_read_is_refused_with_the_chmod(places):
    load_or_create_token(places, EXPOSED)
    places.admin_token_file.chmod(0o640)
    with pytest.raises(UsageError) as caught:
        load_or_create_token(places, EXPOSED)
    assert caught.value.remedy == f"chmod 600 {places.admin_token_file}"


def test_a_token_in_a_folder_that_cannot_be_made_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    places = find_places(Config(local_dir=tmp_path / "file"), {})
    with pytest.raises(S3dError, match="no admin token"):
        load_or_create_token(places, EXPOSED)


def test_the_log_masks_the_token(places):
    token = load_or_create_token(places, EXPOSED)
    assert token.reveal() not in mask(f"refused {token.reveal()}")
    chosen = Config(admin="http://127.0.0.1:1", admin_token=Secret("0123456789chosen"))
    load_or_create_token(places, chosen)
    assert mask("0123456789chosen") == MASK
