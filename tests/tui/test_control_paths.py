from s3d.tui.control_paths import (
    bucket_path,
    folder_path,
    listing_path,
    object_path,
    queue_path,
    status_path,
    tags_path,
    transfer_path,
    versions_path,
)


def test_paths_are_encoded():
    assert bucket_path("a/b") == "/v1/buckets/a%2Fb"
    assert object_path("b", "a b&c", ":presign") == "/v1/buckets/b/object:presign?key=a+b%26c"
    assert object_path("b", "k", version="").endswith("object?key=k")
    assert "delimiter=%2F" in listing_path("b", "p/")
    path = listing_path("b", "p/", cursor="x=", deep=True, key_states=True)
    assert "delimiter" not in path
    assert path.endswith("&cursor=x%3D&limit=1000&standing=1")
    assert versions_path("b", "a b", 5) == "/v1/buckets/b/versions?key=a+b&limit=5"
    assert tags_path("b") == "/v1/buckets/b/tags"
    assert tags_path("b", "k&") == "/v1/buckets/b/tags?key=k%26"
    assert status_path("b", "") == "/v1/status?bucket=b"
    assert status_path("b", "k") == "/v1/status?bucket=b&key=k"
    assert folder_path("a/b", ":plan") == "/v1/sync/a%2Fb:plan"
    assert (transfer_path("7", "retry"), queue_path("pause")) == (
        "/v1/transfers/7:retry", "/v1/queue:pause",
    )  # fmt: skip
