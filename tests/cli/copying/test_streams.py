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
