def test_mb_makes_and_rb_removes(s3d):
    assert s3d("mb", "made-one", "s3://made-two").out == "made made-one\nmade made-two\n"
    assert s3d("rb", "made-one", "made-two/").out == "removed made-one\nremoved made-two\n"
    assert s3d("status", "made-one").code == 3


def test_mb_of_a_bad_name_says_what_is_right_and_goes_on(s3d):
    result = s3d("mb", "Bad_Name", "good-name")
    assert result.code == 2
    assert result.err.startswith(
        "s3d: The specified bucket is not valid: Bad_Name\n  hint: 3 to 63"
    )
    assert result.out == "made good-name\n"


def test_rb_keeps_a_bucket_that_holds_something(s3d, bucket, store):
    store("k")
    result = s3d("rb", bucket)
    assert result.code == 1
    assert "not empty" in result.err
    assert s3d("status", f"{bucket}/k").code == 0


def test_rb_force_asks_unless_told(s3d, bucket, store):
    store("k")
    assert s3d("rb", "--force", bucket).code == 2
    assert s3d.on_terminal("rb", "--force", bucket, answer="\n").code == 1
    assert s3d("rb", "--force", "--yes", bucket).code == 0
    assert s3d("status", bucket).code == 3


def test_rb_force_removes_old_versions_and_delete_markers(s3d, bucket, serving):
    s3 = serving.s3()
    enabled = {"Status": "Enabled"}
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration=enabled)
    for _ in range(2):
        s3.put_object(Bucket=bucket, Key="k", Body=b"data")
    s3.delete_object(Bucket=bucket, Key="k")
    result = s3d("rb", "--force", "--yes", bucket)
    assert (result.code, result.err) == (0, "")
    assert result.out == f"deleted 3 versions of {bucket}, 8 B\nremoved {bucket}\n"


def test_rb_of_none_is_3(s3d):
    assert s3d("rb", "no-such-bucket").code == 3
    assert s3d("rb", "--force", "--yes", "no-such-bucket").code == 3


def test_versioning_is_shown_and_switched(s3d, bucket):
    assert s3d("versioning", bucket).out == f"versioning of {bucket}: never enabled\n"
    assert s3d("versioning", bucket, "on").out == f"versioning of {bucket}: Enabled\n"
    assert '"versioning":"Suspended"' in s3d("versioning", bucket, "off", "--json").out
    assert s3d("versioning", bucket, "maybe").code == 2
    assert s3d("versioning", "no-such-bucket", "on").code == 3
