from s3d.agent.storage.reader import Reader

TAGGING = {"TagSet": [{"Key": "a", "Value": "1"}]}


async def test_tagging_changes_neither_bytes_nor_time_nor_totals(s3, index, bucket):
    await s3.put(bucket, "k", b"data")
    before = await s3("HeadObject", Bucket=bucket, Key="k")
    totals = index.read_inline(Reader.totals)
    await s3("PutObjectTagging", Bucket=bucket, Key="k", Tagging=TAGGING)
    after = await s3("HeadObject", Bucket=bucket, Key="k")
    assert after.output == {**before.output, "TagCount": 1}
    assert index.read_inline(Reader.totals) == totals
    assert await s3.read(bucket, "k") == b"data"


async def test_a_tag_set_that_is_refused_changes_nothing(s3, bucket):
    await s3.put(bucket, "k", Tagging="kept=1")
    wrong = {"TagSet": [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]}
    for name, members in (
        ("PutObjectTagging", {"Key": "k", "Tagging": wrong}),
        ("PutBucketTagging", {"Tagging": wrong}),
    ):
        await s3.refused("InvalidTag", name, Bucket=bucket, **members)
    tags = await s3("GetObjectTagging", Bucket=bucket, Key="k")
    assert tags["TagSet"] == [{"Key": "kept", "Value": "1"}]
    assert (await s3.refused("NoSuchTagSet", "GetBucketTagging", Bucket=bucket)).status == 404


async def test_tags_given_at_the_creation_of_a_bucket(s3):
    configuration = {"Tags": TAGGING["TagSet"]}
    await s3("CreateBucket", Bucket="tagged", CreateBucketConfiguration=configuration)
    assert (await s3("GetBucketTagging", Bucket="tagged"))["TagSet"] == TAGGING["TagSet"]
