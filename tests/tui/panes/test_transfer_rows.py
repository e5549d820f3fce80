import pytest

from s3d.shared.transfers import Transfer, TransferError
from s3d.tui.panes.transfer_rows import (
    filtered_text,
    transfer_columns,
    transfer_details,
    transfer_row,
)
from s3d.tui.themes import UNICODE


def transfer(state="waiting", kind="push", **more):
    return Transfer("7", kind, "put", "b", "k", 100, state, 0.0, **more)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (transfer(), "· waiting"),
        (transfer("running", done=50), "● ━━━━━━━─────── 50%"),
        (transfer("held"), "‖ paused"),
        (transfer(error=TransferError("SlowDown", ""), retry_at=8.0), "↻ SlowDown, in 8 s"),
        (transfer("failed", error=TransferError("AccessDenied", "")), "✗ failed: AccessDenied"),
        (transfer("done", kind="download"), "✓ done"),
        (transfer("conflict"), "✗ conflict"),
        (transfer("verifying"), "· verifying"),
    ],
)
def test_a_state_is_a_sign_and_a_word(given, text):
    row = transfer_row(given, width=120, now=0.0, glyphs=UNICODE)
    assert row.cells[3] == text
    assert len(row.cells) == len(transfer_columns(120))
    narrow = transfer_row(given, width=80, now=0.0, glyphs=UNICODE)
    assert len(narrow.cells) == len(transfer_columns(80)) == len(row.cells) - 1


def test_a_conflict_says_what_to_do():
    row = transfer_row(transfer("conflict"), width=120, now=0.0, glyphs=UNICODE)
    assert row.style == "bad"
    assert "s3d queue retry 7 --force" in transfer_details(transfer("conflict"), 0.0)[-1]


def test_a_failed_write_says_what_to_do():
    failed = transfer("failed", error=TransferError("AccessDenied", "no\x1b[2J"), attempts=3)
    lines = transfer_details(failed, 0.0)
    assert "AccessDenied: no␛[2J" in lines
    assert "try 3" in lines[1]
    assert "s3:PutObject" in lines[-1]
    assert "goes" not in transfer_details(transfer("held"), 0.0)[-1]
    assert filtered_text(failed) == "b/k AccessDenied"
