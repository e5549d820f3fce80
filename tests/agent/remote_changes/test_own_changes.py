"""own_changes: what a run has written, and whether the marker at the remote has it."""

from s3d.agent.remote_changes.marker_format import ANYTHING, MAX_CHANGES, Change, Marker
from s3d.agent.remote_changes.own_changes import OwnChanges


def test_paths_get_numbers_when_the_marker_is_written():
    own = OwnChanges("a")
    assert not own.is_pending
    for path in ("x", "y", "x"):
        own.add(path)
    assert own.is_pending
    assert own.merged(Marker()) == Marker()
    own.number()
    assert own.merged(Marker()).changes == (Change("a", 1, "y"), Change("a", 2, "x"))
    assert own.merged(Marker()).agents == {"a": 2}
    assert not own.has_paths


def test_a_marker_without_them_is_written_again():
    own = OwnChanges("a")
    own.add("x")
    own.number()
    own.written()
    own.compare(own.merged(Marker()))
    assert not own.is_pending
    own.compare(Marker())
    assert own.is_pending
    own.written()
    assert not own.is_pending


def test_too_many_are_one_change_of_anything():
    own = OwnChanges("a")
    for number in range(MAX_CHANGES + 1):
        own.add(str(number))
    own.add("x")
    own.number()
    assert [change.path for change in own.merged(Marker()).changes] == [ANYTHING, "x"]


def test_a_path_is_unannounced_until_it_is_in_the_marker():
    own = OwnChanges("a")
    own.add("x")
    assert own.unannounced == ["x"]
    own.number()
    own.add("y")
    assert own.unannounced == ["x", "y"]
    own.written()
    assert own.unannounced == ["y"]
    own.compare(Marker())
    assert own.unannounced == ["x", "y"], "another writer has replaced the marker"


def test_more_unannounced_paths_than_are_kept_are_anything():
    own = OwnChanges("a")
    for number in range(MAX_CHANGES + 1):
        own.add(str(number))
        own.number()
    assert own.unannounced == [ANYTHING]
