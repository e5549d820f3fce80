import pytest

from s3d.shared import control, syncing
from s3d.shared.config.load import folder_of
from s3d.shared.config.rules import ConfigError
from s3d.shared.syncing import FolderSpec, FolderStatus, PathStatus


def test_a_status_goes_through_json_and_back():
    status = FolderStatus(
        "n", "/n", "b", "p/", "two-way", "idle", troubles=[PathStatus("x", "blocked", "why")]
    )
    assert control.decode(control.encode(status), FolderStatus) == status
    assert status.state in syncing.STATES


def test_a_spec_is_read_as_the_file_is():
    folder = folder_of(
        FolderSpec("/n", "bucket", "p", interval="5m", keep_mode=True, max_size="1MiB")
    )
    assert (folder.prefix, folder.interval, folder.keep_mode) == ("p/", 300.0, True)
    assert folder.max_size == 1 << 20


def test_every_mistake_of_a_spec_is_told():
    with pytest.raises(ConfigError) as caught:
        folder_of(FolderSpec("/n", "UPPER", interval="0s", mode="x"))
    assert len(caught.value.problems) == 3
