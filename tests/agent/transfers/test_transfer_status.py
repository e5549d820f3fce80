from s3d.agent.core.job import ItemProgress, Job, JobFailure
from s3d.agent.transfers.transfer_status import transfer_of
from s3d.shared.transfers import TransferRequest


def test_progress_and_rate_are_shown():
    now = [0.0]
    request = TransferRequest("download", "bucket", prefixes=["p/"], to_path="/home/x")
    job = Job("t1", request, 5.0)
    job.begin()
    job.progress.items, job.progress.size = 2, 400
    ItemProgress(job.progress, lambda: now[0]).add(100)
    job.progress.items_done = 1
    shown = transfer_of(job, now=2.0)
    assert (shown.counting, shown.remaining) == (True, None)
    job.progress.is_counted = True
    shown = transfer_of(job, now=2.0)
    assert not shown.counting
    assert (shown.key, shown.target, shown.size, shown.done) == ("p/", "/home/x", 400, 100)
    assert (shown.rate, shown.remaining) == (50.0, 6.0)
    assert (shown.files, shown.files_done) == (2, 1)


def test_the_first_error_is_shown():
    job = Job("t1", TransferRequest("delete", "bucket", ["k"]), 0.0)
    for code in ("One", "Two"):
        job.record(JobFailure(code, ""), 100)
    shown = transfer_of(job)
    assert (shown.files_failed, shown.error.code) == (2, "One")


def test_an_upload_is_named_by_where_it_goes():
    request = TransferRequest("upload", "bucket", paths=["/home/x/f"], to_prefix="p/")
    shown = transfer_of(Job("t1", request, 0.0))
    assert (shown.key, shown.source, shown.target) == ("p/f", "/home/x/f", "")
