"""[write_queue] and [read_cache]: what the text of a setting becomes, and what is refused."""

from __future__ import annotations

import pytest

from s3d.shared.config.load import load_config
from s3d.shared.config.rules import ConfigError


def test_the_sections_of_the_file_and_the_variables_fill_the_same_settings(tmp_path):
    file = tmp_path / "config.toml"
    file.write_text(
        '[write_queue]\nmax_size = "1GiB"\nmax_age = "2h"\n[read_cache]\nmax_files = 7\n'
    )
    env = {"S3D_WRITE_QUEUE_MAX_SIZE": "2GiB", "S3D_READ_CACHE_MAX_AGE": "5m"}
    config = load_config(file, env, {"write_queue.when_full": "reject"})
    queue, cache = config.write_queue, config.read_cache
    assert (queue.max_size, queue.max_age, queue.when_full) == (2 << 30, 7200, "reject")
    assert (cache.max_files, cache.max_age, cache.serve_stale) == (7, 300, True)


@pytest.mark.parametrize(
    ("variable", "text", "expected"),
    [
        ("S3D_WRITE_QUEUE_WHEN_FULL", "drop", "wait"),
        ("S3D_WRITE_QUEUE_MAX_FILES", "0", "S3D_WRITE_QUEUE_MAX_FILES"),
        ("S3D_READ_CACHE_REQUEST_PRICE", "cheap", "S3D_READ_CACHE_REQUEST_PRICE"),
    ],
)
def test_a_wrong_value_is_refused_with_its_variable(variable, text, expected):
    with pytest.raises(ConfigError, match=expected):
        load_config(None, {variable: text}, {})
