import pytest

from s3d.shared.transfers import Totals, Transfer, TransferError
from s3d.tui.match import NameFilter
from s3d.tui.panes.transfer_jobs import can, filtered_text, is_possible, listed_in, writes_of


def transfer(id, key, state="waiting", kind="push", **more):
    return Transfer(id, kind, kind, "b", key, 100, state, 0.0, **more)


def folder(state="done", **more):
    return transfer("t1", "up", state, "upload", done=100, pending=Totals(3, 40), **more)


WRITES = [
    transfer("1", "up/a"), transfer("2", "up/b/c", "failed"), transfer("3", "up/d", "running"),
    transfer("4", "upper"), transfer("5", "other", "running"),
]  # fmt: skip


def shown(transfers, expanded=(), view="all", text=""):
    rows = listed_in(transfers, view, NameFilter(text), expanded)
    return [("  " if each.is_part else "") + each.transfer.id for each in rows]


@pytest.mark.finding("tui-9")
def test_an_upload_and_its_writes_are_one_row_and_running_ones_are_first():
    done = transfer("t0", "x", "done", "download")
    assert shown([done, folder(), *WRITES]) == ["t1", "  2", "5", "4", "t0"]
    assert shown([folder(), *WRITES], {"t1"}) == ["t1", "  3", "  2", "  1", "5", "4"]
    assert shown([folder(), *WRITES], view="failed") == ["2"]
    assert shown([folder(), *WRITES], text="up/") == ["1", "2", "3"]


@pytest.mark.finding("tui-9")
def test_an_upload_is_done_when_the_remote_has_it():
    (job,) = listed_in([folder()], "all", NameFilter(), ())
    assert (job.transfer.state, job.transfer.done) == ("running", 60)
    ended = transfer("t1", "up", "done", "upload", done=100, pending=Totals())
    (job,) = listed_in([ended], "all", NameFilter(), ())
    assert (job.transfer.state, job.transfer.done) == ("done", 100)


def test_of_the_transfers_that_have_ended_the_latest_is_the_first():
    ended = [transfer(id, id, "done", "upload", ended=at) for id, at in (("t1", 1.0), ("t2", 2.0))]
    assert shown(ended) == ["t2", "t1"]


def test_what_is_sent_of_a_running_write_is_done():
    running = transfer("3", "up/d", "running", done=25)
    waiting = transfer("1", "up/a", done=10)
    job = listed_in([folder(), running, waiting], "all", NameFilter(), ())[0]
    assert (job.transfer.state, job.transfer.done) == ("running", 85)


def test_actions_on_an_upload_that_only_waits_are_for_its_writes():
    found = writes_of([folder(), *WRITES])
    assert [each.id for each in found["t1"]] == ["1", "2", "3"]
    assert writes_of([folder("running"), *WRITES]) == {}


@pytest.mark.finding("tui-5")
def test_only_what_the_agent_allows_is_possible():
    running = transfer("1", "k", "running", actions=["export"])
    assert not is_possible([running], ("pause", "resume"))
    assert is_possible([running, transfer("2", "k", actions=["resume"])], ("pause", "resume"))
    assert can(transfer("1", "k"), "pause"), "an agent of before does not say so"


def test_a_filter_looks_at_the_code_of_the_error_too():
    failed = transfer("1", "k", "failed", error=TransferError("AccessDenied", ""))
    assert filtered_text(failed) == "b/k AccessDenied"
