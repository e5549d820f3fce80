"""The settings of a fleet: which ones a document may set, and what overrides them."""

import pytest

from s3d.shared.config.fleet_document import ALLOWED, parse_document, with_document
from s3d.shared.config.load import load_config
from s3d.shared.config.rules import ConfigError, settings_of
from s3d.shared.config.schema import Config

URL = "s3://fleet/s3d.toml"


def document(text: str):
    return parse_document(text, URL)


def test_all_that_is_allowed_is_a_setting():
    assert set(ALLOWED) <= set(settings_of(Config))


def test_a_document_overrides_the_file_and_nothing_else(tmp_path):
    file = tmp_path / "config.toml"
    file.write_text('log_level = "error"\n[write_queue]\nmax_files = 1\nmax_size = "1MiB"\n')
    env = {"S3D_WRITE_QUEUE_MAX_AGE": "1h"}
    config = load_config(file, env, {"read_cache.max_files": "5"})
    merged = with_document(
        config,
        document(
            'log_level = "debug"\nafter_upload = "evict when verified"\n'
            '[write_queue]\nmax_files = 7\nmax_age = "2h"\nbandwidth = "08:00 1MiB, 18:00 off"\n'
            "[read_cache]\nmax_files = 9\nmax_size = 1048576\n"
        ),
    )
    assert (merged.log_level, merged.write_queue.max_files) == ("debug", 7)
    assert merged.write_queue.max_age == 3600.0  # of the environment
    assert merged.read_cache.max_files == 5  # of the flag
    assert (merged.write_queue.max_size, merged.read_cache.max_size) == (1 << 20, 1 << 20)
    assert merged.after_upload.evicts
    assert merged.write_queue.bandwidth.rate_at(9 * 60) == 1 << 20
    assert merged.origin["log_level"] == f"{URL}:1"
    assert merged.origin["write_queue.max_age"] == "S3D_WRITE_QUEUE_MAX_AGE"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('remote = "http://evil"', "remote"),
        ('log_level = "debug"\nendpoint = "http://0.0.0.0:1"', f"{URL}:2: endpoint"),
        ('[[sync_folder]]\npath = "/"\nbucket = "x"', "sync_folder"),
        ("[write_queue]\ndir = '/tmp'", "write_queue.dir"),
        ("secret_access_key = 'abc'", "secret_access_key"),
        ("log_level = 7", "log_level"),
        ("[write_queue]\nmax_files = -1", "max_files"),
        ("no toml", "not TOML"),
    ],
)
def test_another_setting_or_a_bad_value_refuses_all_of_it(text, named):
    with pytest.raises(ConfigError, match=named):
        document(text)


def test_a_policy_that_a_folder_of_the_device_forbids_is_refused():
    env = {"S3D_SYNC_FOLDER": "/photos", "S3D_SYNC_FOLDER_BUCKET": "cams"}
    config = load_config(None, env, {})
    with pytest.raises(ConfigError, match="two-way folder"):
        with_document(config, document('after_upload = "evict when verified"'))
    kept = with_document(config, document('after_upload = "other=evict when verified"'))
    assert kept.after_upload.evicts


def test_an_empty_document_changes_nothing():
    config = load_config(None, {}, {})
    assert with_document(config, document("")) is config
