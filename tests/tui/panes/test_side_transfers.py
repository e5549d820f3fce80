import pytest

from s3d.shared.control import ObjectInfo
from s3d.tui.panes.object_selection import Selection
from s3d.tui.panes.side_transfers import NothingToTransfer, Side, command_between, request_between

HERE = Selection("b", "p/", [ObjectInfo("b", "p/k", 5, '"e"', 0.0)], ["p/d/"])
BUCKET = Side("", "b", "p/", selection=HERE)
FOLDER = Side("/home/me", paths=["/home/me/a.txt", "/home/me/site"])


def test_files_are_uploaded():
    request = request_between(FOLDER, BUCKET, is_move=False)
    assert (request.kind, request.bucket, request.to_prefix) == ("upload", "b", "p/")
    assert request.paths == ["/home/me/a.txt", "/home/me/site"]
    assert (request.existing, request.delete_source) == ("skip", False)


def test_objects_are_downloaded_and_moved():
    request = request_between(BUCKET, FOLDER, is_move=True)
    assert (request.kind, request.keys, request.prefixes) == ("download", ["p/k"], ["p/d/"])
    assert (request.base, request.to_path, request.delete_source) == ("p/", "/home/me", True)


def test_objects_go_to_another_bucket():
    request = request_between(BUCKET, Side("", "c", "q/"), is_move=True)
    assert (request.kind, request.to_bucket, request.to_prefix) == ("move", "c", "q/")
    assert request_between(BUCKET, Side("", "c", ""), is_move=False).kind == "copy"


@pytest.mark.parametrize(
    ("source", "target", "why"),
    [
        (Side("/home"), BUCKET, "Nothing is selected"), (BUCKET, Side(), "Open a bucket"),
        (FOLDER, Side("/tmp"), "has to show a bucket"), (BUCKET, BUCKET, "the same place"),
    ],
)  # fmt: skip
def test_what_is_not_possible_is_said(source, target, why):
    with pytest.raises(NothingToTransfer, match=why):
        request_between(source, target, is_move=False)


def test_the_command_does_the_same():
    up = command_between(FOLDER, BUCKET, is_move=False)
    assert up == "s3d cp --skip-existing /home/me/a.txt /home/me/site s3://b/p/"
    down = command_between(BUCKET, FOLDER, is_move=True)
    assert down == (
        "s3d mv --skip-existing s3://b/p/k /home/me/ && "
        "s3d mv -r --skip-existing s3://b/p/d/ /home/me/"
    )
