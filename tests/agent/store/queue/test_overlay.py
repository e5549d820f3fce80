"""What is hidden and what shines through; pages are in test_listings.py."""


async def groups(s3, bucket):
    return (await s3("ListObjectsV2", Bucket=bucket, Delimiter="/")).names(
        "CommonPrefixes", "Prefix"
    )


async def test_a_folder_whose_keys_are_about_to_go_is_gone(s3, there, bucket):
    for key in ("a/1", "a/2", "b/1"):
        await there.put(bucket, key, b"data")
    await s3("DeleteObject", Bucket=bucket, Key="a/1")
    assert await groups(s3, bucket) == ["a/", "b/"]
    await s3("DeleteObject", Bucket=bucket, Key="a/2")
    assert await groups(s3, bucket) == ["b/"]
    await s3.put(bucket, "a/3", b"data")
    assert await groups(s3, bucket) == ["a/", "b/"]


async def test_a_pending_object_shows_its_own_facts(s3, there, bucket):
    await there.put(bucket, "k", b"old")
    etag = (await s3.put(bucket, "k", b"newer", StorageClass="STANDARD_IA"))["ETag"]
    (row,) = (await s3("ListObjectsV2", Bucket=bucket))["Contents"]
    assert (row["ETag"], row["Size"], row["StorageClass"]) == (etag, 5, "STANDARD_IA")
    assert row["LastModified"] == (await s3("HeadObject", Bucket=bucket, Key="k"))["LastModified"]


async def test_many_deletions_are_hidden_on_a_page_of_one(s3, there, bucket):
    for number in range(20):
        await there.put(bucket, f"{number:02d}", b"data")
        if number < 19:
            await s3("DeleteObject", Bucket=bucket, Key=f"{number:02d}")
    page = await s3("ListObjectsV2", Bucket=bucket, MaxKeys=1)
    assert (page.names("Contents", "Key"), page["IsTruncated"]) == (["19"], False)
