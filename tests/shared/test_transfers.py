import msgspec
import pytest

from s3d.shared.control import decode, encode
from s3d.shared.transfers import (
    DrainRequest,
    QueueChanges,
    QueueLimits,
    QueueStatus,
    Totals,
    Transfer,
    TransferError,
)


def test_moving_and_left_add_up():
    status = QueueStatus(
        Totals(1, 10),
        Totals(2, 20),
        Totals(4, 40),
        Totals(8, 80),
        QueueLimits(1, 1),
        "/q",
    )
    assert (status.moving, status.left) == (Totals(3, 30), Totals(15, 150))


def test_a_change_names_what_changes_only():
    assert encode(QueueChanges(max_age=None)) == b'{"max_age":null}'
    assert decode(b'{"max_files":5}', QueueChanges) == QueueChanges(max_files=5)


def test_a_request_with_an_unknown_field_is_refused():
    with pytest.raises(msgspec.ValidationError):
        decode(b'{"timeout":1,"remote":"http://evil"}', DrainRequest)


def test_a_transfer_survives_the_way():
    error = TransferError("AccessDenied", "no", "R", 403, 1.5)
    transfer = Transfer("1", "push", "put", "b", "ä\n", 5, "failed", 1.0, error=error)
    assert decode(encode(transfer), Transfer) == transfer
