import pytest

from s3d.agent.transfers.persistence import (
    FailedTransfer,
    SavedTransfer,
    SavedTransfers,
    jobs_of,
    read,
    write,
)
from s3d.shared.errors import UsageError
from s3d.shared.transfers import TransferRequest


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / "transfers.json"
    file = SavedTransfers(
        7,
        [
            SavedTransfer(
                "t7",
                TransferRequest(
                    "delete", "bucket", ["a\ud800".encode("utf-8", "replace").decode()]
                ),
                1.5,
                True,
            )
        ],
        [FailedTransfer("t6", TransferRequest("delete", "b"), 1.0, 1, 0, 1, 5, 0, [], ended=2.0)],
    )
    write(path, file)
    assert read(path) == file
    assert [job.progress.ended_at for job in jobs_of(file)] == [0.0, 2.0]
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["transfers.json"]


def test_no_file_is_nothing(tmp_path):
    assert read(tmp_path / "none") == SavedTransfers()


def test_a_file_that_is_not_understood_is_put_aside(tmp_path, caplog):
    path = tmp_path / "transfers.json"
    path.write_bytes(b"{nonsense")
    assert read(path) == SavedTransfers()
    assert (tmp_path / "transfers.bad").read_bytes() == b"{nonsense"
    assert "cannot restore the transfers" in caplog.text


def test_a_newer_file_is_refused_whatever_its_requests_are(tmp_path):
    path = tmp_path / "transfers.json"
    path.write_bytes(b'{"version": 99, "transfers": [{"request": {"unknown": 1}}]}')
    with pytest.raises(UsageError, match="newer s3d"):
        read(path)
    assert path.exists()
