"""Each format on the disk has a version, and one that is too new is refused with the reason."""

from __future__ import annotations

import json
import sqlite3
from contextlib import ExitStack, closing

import pytest

from s3d.agent.app.embedded import open_embedded, open_index
from s3d.agent.app.read_cache import open_cache
from s3d.agent.stores.read_cache.pins import Pins
from s3d.agent.stores.write_queue.journal import journal_rows
from s3d.agent.sync.baseline import Baseline
from s3d.agent.transfers import persistence
from s3d.shared.access_key_changes import KeyRequest
from s3d.shared.config.gateway_settings import CacheConfig
from s3d.shared.config.load import load_config
from s3d.shared.errors import UsageError
from s3d.shared.local_access_keys import LocalKeys
from s3d.shared.paths import find_places

TABLES = 1_000
"""What a newer layout of the queue's or the cache's own tables adds to user_version."""


@pytest.fixture
def places(tmp_path):
    return find_places(load_config(None, {}, {"local_dir": str(tmp_path)}), {})


def make_newer(path, by=1):
    with closing(sqlite3.connect(path)) as connection:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        assert version
        connection.execute(f"PRAGMA user_version = {version + by}")


def refused(open_it):
    with pytest.raises(UsageError) as error:
        open_it()
    assert "newer s3d" in str(error.value)
    assert error.value.remedy
    return error.value


@pytest.mark.rule("REST-3")
async def test_the_store(places):
    open_embedded(places.store_dir).close()
    make_newer(places.store_dir / "index.sqlite")
    assert str(places.store_dir) in refused(lambda: open_embedded(places.store_dir)).detail


@pytest.mark.rule("REST-3")
def test_the_access_keys(places):
    keys = LocalKeys(places, load_config(None, {}, {}))
    keys.load()
    newer = places.credentials_file.read_text().replace("version = 2", "version = 3")
    places.credentials_file.write_text(newer)
    assert str(places.credentials_file) in refused(keys.load).detail
    assert refused(lambda: keys.create(KeyRequest("ci")))
    assert places.credentials_file.read_text() == newer


@pytest.mark.rule("REST-3")
@pytest.mark.parametrize("by", [1, TABLES])
async def test_the_queue(places, by):
    def open_it():
        return open_index(places.write_queue_dir, tables=journal_rows.TABLES)

    open_it().close()
    make_newer(places.write_queue_dir / "index.sqlite", by)
    assert str(places.write_queue_dir) in refused(open_it).detail


@pytest.mark.parametrize("by", [1, TABLES])
async def test_the_cache_stays_as_it_is_and_is_not_used(places, by):
    def open_it():
        with ExitStack() as closing_it:
            return open_cache(CacheConfig(), places, None, closing_it)

    assert open_it().trouble == ""
    (index,) = places.read_cache_dir.rglob("index.sqlite")
    make_newer(index, by)
    before = index.read_bytes()
    assert "newer s3d" in open_it().trouble
    assert index.read_bytes() == before


def test_the_memory_of_a_sync_folder(tmp_path):
    path = tmp_path / "folder.sqlite"
    Baseline(path).close()
    make_newer(path)
    refused(lambda: Baseline(path))


def test_the_pins(tmp_path):
    path = tmp_path / "pins.json"
    path.write_text(json.dumps({"version": 2, "pins": []}))
    refused(lambda: Pins(path))
    assert path.exists()


def test_the_transfers(tmp_path):
    path = tmp_path / "transfers.json"
    path.write_text(json.dumps({"version": persistence.VERSION + 1}))
    refused(lambda: persistence.read(path))
    assert path.exists()
