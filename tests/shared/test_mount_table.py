from __future__ import annotations

from pathlib import Path

from s3d.shared.mount_table import mounts_at, mounts_of_s3d, parse_table

TABLE = r"""22 1 0:21 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
36 22 0:44 / /home/u/a\040b\134c rw,nosuid - fuse.s3d s3d rw,user_id=0
not a row
"""


def test_the_table_of_mounts_is_read() -> None:
    rows = list(parse_table(TABLE))
    assert [str(row.folder) for row in rows] == ["/", r"/home/u/a b\c"]
    assert [row.type for row in rows] == ["ext4", "fuse.s3d"]
    assert rows[1].device == "0:44"


def test_the_mounts_of_s3d_are_those_of_its_type(tmp_path: Path) -> None:
    (tmp_path / "mountinfo").write_text(TABLE)
    assert mounts_of_s3d(tmp_path / "mountinfo") == [Path(r"/home/u/a b\c")]
    assert mounts_of_s3d(tmp_path / "none") == []


def test_the_table_of_this_machine_has_its_root() -> None:
    assert mounts_at(Path("/"))
