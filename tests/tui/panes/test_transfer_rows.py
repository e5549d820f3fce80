import pytest

from s3d.shared.transfers import Totals, Transfer, TransferError
from s3d.tui.panes.transfer_jobs import ListedTransfer
from s3d.tui.panes.transfer_rows import transfer_columns, transfer_details, transfer_row
from s3d.tui.themes import UNICODE

SLOW = TransferError("SlowDown", "")


def transfer(state="waiting", kind="push", **more):
    return Transfer("7", kind, "put", "b", "k", 100, state, 0.0, **more)


def row_of(given, width=120, trouble=""):
    listed = ListedTransfer(given)
    return transfer_row(listed, width=width, now=0.0, glyphs=UNICODE, trouble=trouble)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (transfer(), "· waiting"),
        (transfer("running", done=50), "▶ ━━━━━━━─────── 50%"),
        (transfer("running", done=50, stopping="pause"), "▶ pausing after this part"),
        (transfer("running", done=50, stopping="discard"), "▶ cancelling after this part"),
        (transfer("running", "upload", counting=True, files_done=3), "▶ 3 done, counting…"),
        (transfer("held"), "‖ paused"),
        (transfer("held", error=TransferError("Filtered", "tmp")), "‖ held by filter"),
        (transfer(error=SLOW, retry_at=8.0), "↻ SlowDown, retry in 8 s"),
        (transfer(error=SLOW), "↻ SlowDown, retry is due"),
        (transfer("failed", error=TransferError("AccessDenied", "")), "✗ failed: AccessDenied"),
        (
            transfer("failed", "upload", error=SLOW, files=3, files_failed=1),
            "✗ failed: 1 of 3 files",
        ),
        (transfer("done", kind="download"), "✓ done"),
        (transfer("done", kind="upload", files_skipped=1), "✓ done, 1 skipped"),
        (transfer("conflict"), "✗ conflict"),
        (transfer("verifying"), "· verifying"),
    ],
)
def test_a_state_is_a_sign_and_a_word(given, text):
    row = row_of(given)
    assert row.cells[3] == text
    assert len(row.cells) == len(transfer_columns(120))
    narrow = row_of(given, 80)
    assert len(narrow.cells) == len(transfer_columns(80)) == len(row.cells) - 1


@pytest.mark.finding("tui-18")
def test_without_the_remote_there_is_neither_a_time_nor_a_retry_in_0_s():
    waiting = transfer(error=SLOW)
    assert row_of(waiting, trouble="remote unreachable").cells[3] == "↻ waits: remote unreachable"
    running = transfer("running", done=50, remaining=37.0, rate=1.0)
    assert row_of(running).cells[-2] == "37 s"
    assert row_of(running, trouble="remote unreachable").cells[-2] == ""


@pytest.mark.finding("tui-9")
def test_a_total_that_grows_has_a_plus_and_what_is_skipped_is_no_failure():
    counting = transfer("running", "upload", counting=True)
    assert row_of(counting).cells[2] == "100 B+"
    skipped = transfer(
        "done", "upload", files=2, files_done=2, files_skipped=1, source="/home/me/x",
        notes=["skipped: a symbolic link"], pending=Totals(1, 50),
    )  # fmt: skip
    lines = transfer_details(skipped, 0.0)
    assert lines[0] == "put /home/me/x to b/k"
    assert "1 file skipped" in lines[1]
    assert "stored on this machine; 1 file, 50 B, to push" in lines
    assert lines[-1] == "skipped: a symbolic link"


@pytest.mark.finding("tui-5")
def test_a_single_request_says_that_it_cannot_be_stopped():
    running = transfer("running", done=50, actions=["export"])
    assert "cannot be paused" in transfer_details(running, 0.0)[-1]
    running = transfer("running", done=50, actions=["export", "pause", "discard"])
    assert "cannot be paused" not in transfer_details(running, 0.0)[-1]


def test_a_conflict_says_what_to_do():
    assert row_of(transfer("conflict")).style == "bad"
    assert "s3d queue retry 7 --force" in transfer_details(transfer("conflict"), 0.0)[-1]


def test_a_failed_write_says_what_to_do():
    failed = transfer("failed", error=TransferError("AccessDenied", "no\x1b[2J"), attempts=3)
    lines = transfer_details(failed, 0.0)
    assert "AccessDenied: no␛[2J" in lines
    assert "try 3" in lines[1]
    assert "s3:PutObject" in lines[-1]


def test_a_held_write_says_why():
    assert transfer_details(transfer("held"), 0.0)[-1] == "Paused. p resumes."
    assert transfer_details(transfer("held"), 0.0)[1].startswith("paused")
    filtered = transfer("held", error=TransferError("Filtered", "it matches *.tmp"))
    assert transfer_details(filtered, 0.0)[-1] == "Held by filter: it matches *.tmp"
