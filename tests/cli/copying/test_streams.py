import json

from s3d.cli.copying.streams import object_headers
from s3d.shared.transfer_options import NewObject


def test_options_become_headers():
    new = NewObject("text/plain", {"of": "me"}, {"a b": "c&d"}, {"cache-control": "x"}, "GLACIER")
    assert object_headers(new) == {
        "Cache-Control": "x",
        "Content-Type": "text/plain",
        "x-amz-meta-of": "me",
        "x-amz-tagging": "a%20b=c%26d",
        "x-amz-storage-class": "GLACIER",
    }
    assert object_headers(NewObject()) == {}


def test_a_dry_run_looks_at_the_object_and_copies_nothing(s3d, bucket, store):
    source = f"s3://{store('k', b'four')}"
    assert s3d("cp", source, "-", "--dry-run").out == f"would download {source} to -\n"
    assert s3d("cp", source, "-", "--dry-run", "--quiet").out == ""
    assert s3d("cp", f"{source}.none", "-", "--dry-run").code == 3
    (row,) = s3d("cp", source, "-", "--dry-run", "--json").out.splitlines()
    assert (json.loads(row)["action"], json.loads(row)["size"]) == ("download", 4)
    done = s3d("cp", "-", f"s3://{bucket}/new", "--dry-run", stdin=b"data")
    assert (done.code, done.out) == (0, f"would upload - to s3://{bucket}/new\n")
    assert s3d("stat", f"{bucket}/new").code == 3
