from s3d.shared import control
from s3d.shared.mounting import FILE_SYSTEM, MountStatus, ObjectPlace, PlaceList, mount_text


def test_a_status_goes_through_json_and_back():
    status = MountStatus("/m", "photos", "2026/", state="failed", reason="why", conflicts=2)
    assert control.decode(control.encode(status), MountStatus) == status


def test_a_path_may_be_in_no_mount():
    places = PlaceList([ObjectPlace("b", "k"), None])
    assert control.decode(control.encode(places), PlaceList) == places
    assert FILE_SYSTEM == "fuse.s3d"


def test_a_line_has_what_needs_attention():
    status = MountStatus("/m", "bkt", "p/", read_only=True, failed=2, conflicts=1)
    assert mount_text(status) == (
        "/m  bkt/p, read-only, 2 failed (s3d queue ls --state failed), "
        "1 in conflict (s3d queue ls --state conflict)"
    )
    failed = MountStatus("/m", state="failed", reason="why: what to do")
    assert mount_text(failed) == "/m  all buckets, failed: why: what to do"
