"""The list of pins and its file."""

from __future__ import annotations

import pytest

from s3d.agent.stores.read_cache.pins import Pins
from s3d.shared.caching import Pin


@pytest.fixture
def file(tmp_path):
    return tmp_path / "pins.json"


def test_what_was_pinned_is_pinned_after_a_restart(file):
    pins = Pins(file)
    pins.add(Pin("b", key="k"))
    pins.add(Pin("b", prefix="p/"))
    pins.add(Pin("b", prefix="p/"))
    again = Pins(file)
    assert list(again) == [Pin("b", key="k"), Pin("b", prefix="p/")]
    assert (len(again), again.has("b", "k")) == (2, Pin("b", key="k"))


def test_it_covers_keys_and_prefixes(file):
    pins = Pins(file)
    pins.add(Pin("b", key="k"))
    pins.add(Pin("c", prefix="p/"))
    names = [("b", "k"), ("b", "kk"), ("c", "p/1"), ("c", "q")]
    assert [pins.covers(*name) for name in names] == [True, False, True, False]


def test_a_pin_is_removed_as_it_was_made(file):
    pins = Pins(file)
    pins.add(Pin("b", prefix="p/"))
    assert not pins.remove(Pin("b", key="p/"))
    assert not pins.remove(Pin("b"))
    assert pins.remove(Pin("b", prefix="p/"))
    assert list(Pins(file)) == []


def test_each_change_is_told(file):
    pins, told = Pins(file), []
    pins.on_change = lambda: told.append(len(pins))
    pins.add(Pin("b"))
    pins.remove(Pin("b"))
    pins.remove(Pin("b"))
    assert told == [1, 0]


def test_a_file_that_makes_no_sense_is_put_aside(file, caplog):
    file.write_bytes(b"{")
    assert list(Pins(file)) == []
    assert file.with_suffix(".broken").read_bytes() == b"{"
    assert str(file) in caplog.text


def test_a_pin_that_cannot_be_kept_is_none(file):
    pins = Pins(file)
    pins.add(Pin("b"))
    file.with_name(f".{file.name}.new").mkdir()
    with pytest.raises(OSError, match=r"\.pins.*\.new"):
        pins.add(Pin("c"))
    with pytest.raises(OSError, match=r"\.pins.*\.new"):
        pins.remove(Pin("b"))
    assert list(pins) == list(Pins(file)) == [Pin("b")]
