from s3d.agent.sync.path_state import (
    NO_BYTES,
    BaselineEntry,
    Difference,
    LocalEntry,
    RemoteEntry,
    Signature,
    is_changed,
    is_folder,
    is_other,
)

SEEN = Signature(3, 10, 11, 1)
BASE = BaselineEntry("p", SEEN, 0, "sha", '"e"', 3)


def test_a_rename_leaves_it_the_same_file_and_a_write_does_not():
    assert SEEN.is_same_file(SEEN._replace(ctime_ns=99))
    for change in ({"size": 4}, {"mtime_ns": 12}, {"ino": 2}):
        assert not SEEN.is_same_file(SEEN._replace(**change))


def test_a_file_may_have_changed_when_anything_of_it_has():
    assert not is_changed(BASE, LocalEntry("p", SEEN, mode=0o755))
    assert is_changed(BASE, LocalEntry("p", SEEN._replace(ctime_ns=12)))
    assert is_changed(BASE._replace(is_racy=True), LocalEntry("p", SEEN))
    assert is_changed(BASE, None)
    assert is_changed(None, LocalEntry("p", SEEN))
    assert not is_changed(None, None)


def test_a_folder_is_there_or_not_and_nothing_else():
    assert is_folder("a/")
    assert not is_folder("a")
    marker = BaselineEntry("a/", NO_BYTES, 0, "", '"e"', 0)
    assert not is_changed(marker, LocalEntry("a/", SEEN, is_empty=True))
    assert is_changed(marker, None)


def test_an_object_is_another_when_its_etag_or_size_is():
    assert not is_other(BASE, RemoteEntry("p", '"e"', 3, 99.0))
    assert is_other(BASE, RemoteEntry("p", '"f"', 3, 0.0))
    assert is_other(BASE, RemoteEntry("p", '"e"', 4, 0.0))
    assert is_other(BASE, None)
    assert is_other(None, RemoteEntry("p", '"e"', 3, 0.0))


def test_the_trouble_of_either_side_is_that_of_the_path():
    assert Difference("p", None, None, None).trouble == ""
    assert Difference("p", None, LocalEntry("p", SEEN, trouble="here"), None).trouble == "here"
    there = RemoteEntry("p", "", 0, 0.0, trouble="there")
    assert Difference("p", None, LocalEntry("p", SEEN), there).trouble == "there"
