from s3d.agent.transfers.job import Job
from s3d.shared.transfers import TransferError, TransferRequest


def test_it_tells_how_far_it_is():
    now = [0.0]
    request = TransferRequest("download", "bucket", prefixes=["p/"], to_path="/home/x")
    job = Job("t1", request, 5.0, steady=lambda: now[0])
    job.begin()
    job.discovered(100)
    job.discovered(300)
    job.moved(100)
    now[0] = 2.0
    job.files_done = 1
    told = job.transfer()
    assert (told.key, told.target, told.size, told.done) == ("p/", "/home/x", 400, 100)
    assert (told.rate, told.remaining) == (50.0, 6.0)
    assert (told.files, told.files_done) == (2, 1)


def test_the_first_error_is_told():
    job = Job("t1", TransferRequest("delete", "bucket", ["k"]), 0.0)
    for code in ("One", "Two"):
        job.failed(TransferError(code))
    assert (job.files_failed, job.transfer().error.code) == (2, "One")


def test_an_upload_is_named_by_where_it_goes():
    request = TransferRequest("upload", "bucket", paths=["/home/x/f"], to_prefix="p/")
    told = Job("t1", request, 0.0).transfer()
    assert (told.key, told.source, told.target) == ("p/f", "/home/x/f", "")
