import pytest

from s3d.cli.copying.transfer_progress import Output, progress, report_end
from s3d.shared.transfers import Transfer, TransferError


def transfer(id="t1", state="running", **more):
    known = {"bucket": "b", "key": "k", "size": 100, "accepted": 0.0, "target": "c/k"}
    return Transfer(id, "copy", "copy", state=state, **known | more)


def test_one_line_is_about_all_transfers():
    some = [
        transfer("t1", done=50, rate=25.0, files=2, files_done=1),
        transfer("t2", done=0, files=3),
        transfer("t3", "done", done=100, files_done=1),
    ]
    assert progress(some) == "3 transfers 50 %, 2 of 6, 25 B/s, 6 s to go"
    assert progress(some[:1]) == "t1 50 %, 1 of 2, 25 B/s, 2 s to go"
    waiting = transfer(state="waiting", size=0, error=TransferError("SlowDown", "full"))
    assert progress([waiting]) == "t1 waiting, SlowDown: full"


def test_the_end_lists_each_failure(capsys):
    failures = [TransferError("NoSuchKey", f"k{number}: none") for number in range(30)]
    ended = transfer(
        state="failed",
        error=failures[0],
        files=31,
        files_done=1,
        files_failed=30,
        failures=failures,
    )
    assert report_end(ended, Output()) == 3
    shown = capsys.readouterr().err
    assert "30 objects failed" in shown
    assert "  NoSuchKey: k19: none\n" in shown
    assert "k20" not in shown
    assert "s3d transfers show t1 lists all" in shown
    assert report_end(transfer(state="done", files_done=1), Output(quiet=True)) == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        ("NoSuchKey", "to copy all below a prefix, add -r"),
        ("NoSuchBucket", "list the buckets with: s3d ls"),
        ("PreconditionFailed", "s3d stat BUCKET/KEY shows its ETag"),
        ("InternalError", "s3d transfers retry t1 moves"),
    ],
)
def test_what_to_do_depends_on_why_it_failed(capsys, code, hint):
    ended = transfer(state="failed", error=TransferError(code, "Why."), files_failed=1)
    report_end(ended, Output())
    shown = capsys.readouterr().err
    assert f"copy b/k to c/k: {code}: Why\n" in shown
    assert hint in shown


def test_what_the_target_has_is_not_counted_as_moved(capsys):
    ended = transfer(state="done", done=9, files=3, files_done=3, files_existing=2, size_existing=8)
    report_end(ended, Output())
    assert "1 object, 1 B; 2 objects skipped, which the target has" in capsys.readouterr().out


def test_the_end_has_the_notes(capsys):
    ended = transfer(state="done", files_done=1, notes=["it went past the queue"])
    assert report_end(ended, Output()) == 0
    assert "note: it went past the queue\n" in "".join(capsys.readouterr())
    report_end(ended, Output(quiet=True))
    assert capsys.readouterr() == ("", "")
