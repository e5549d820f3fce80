async def begin(s3, bucket, *keys):
    ids = []
    for key in keys:
        upload = await s3("CreateMultipartUpload", Bucket=bucket, Key=key)
        ids.append(upload["UploadId"])
    return ids


async def test_uploads_of_one_key_are_paged_in_the_order_of_their_beginning(s3, bucket):
    ids = await begin(s3, bucket, "k", "k", "k", "a")
    expected = [ids[3], ids[0], ids[1], ids[2]]
    found, marker = [], {}
    while True:
        page = await s3("ListMultipartUploads", Bucket=bucket, MaxUploads=1, **marker)
        found += page.names("Uploads", "UploadId")
        if not page["IsTruncated"]:
            break
        marker = {
            "KeyMarker": page["NextKeyMarker"],
            "UploadIdMarker": page["NextUploadIdMarker"],
        }
    assert found == expected


async def test_a_key_marker_alone_stands_behind_all_uploads_of_its_key(s3, bucket):
    ids = await begin(s3, bucket, "k", "k", "l")
    page = await s3("ListMultipartUploads", Bucket=bucket, KeyMarker="k")
    assert page.names("Uploads", "UploadId") == [ids[2]]


async def test_an_upload_id_marker_without_a_key_is_ignored_as_aws_does(s3, bucket):
    ids = await begin(s3, bucket, "k")
    page = await s3("ListMultipartUploads", Bucket=bucket, UploadIdMarker="~")
    assert page.names("Uploads", "UploadId") == ids


async def test_an_upload_is_found_by_bucket_key_and_id_together(s3, bucket):
    (id,) = await begin(s3, bucket, "k")
    await s3.refused("NoSuchUpload", "ListParts", Bucket=bucket, Key="other", UploadId=id)
    await s3("CreateBucket", Bucket="other")
    await s3.refused("NoSuchUpload", "ListParts", Bucket="other", Key="k", UploadId=id)
    assert "Parts" not in await s3("ListParts", Bucket=bucket, Key="k", UploadId=id)
