from s3d.shared import control
from s3d.shared.mounting import FILE_SYSTEM, MountStatus, ObjectPlace, PlaceList


def test_a_status_goes_through_json_and_back():
    status = MountStatus("/m", "photos", "2026/", state="failed", reason="why", conflicts=2)
    assert control.decode(control.encode(status), MountStatus) == status


def test_a_path_may_be_in_no_mount():
    places = PlaceList([ObjectPlace("b", "k"), None])
    assert control.decode(control.encode(places), PlaceList) == places
    assert FILE_SYSTEM == "fuse.s3d"
