async def test_one_bad_key_of_delete_objects_does_not_spoil_the_others(s3, bucket):
    for key in ("a", "b"):
        await s3.put(bucket, key)
    objects = [
        {"Key": "a", "ETag": '"other"'},
        {"Key": "b"},
        {"Key": "c", "VersionId": "nonsense"},
        {"Key": "k" * 1_025},
    ]
    answer = await s3("DeleteObjects", Bucket=bucket, Delete={"Objects": objects})
    assert answer.names("Deleted", "Key") == ["b"]
    assert answer.names("Errors", "Code") == [
        "PreconditionFailed",
        "InvalidArgument",
        "KeyTooLongError",
    ]
    assert await s3.keys(bucket) == ["a"]
