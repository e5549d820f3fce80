import pytest


@pytest.fixture
async def versioned(s3, bucket):
    await s3("PutBucketVersioning", Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return bucket


async def test_a_bucket_with_object_lock_stays_versioned(s3):
    await s3("CreateBucket", Bucket="locked", ObjectLockEnabledForBucket=True)
    assert (await s3("GetBucketVersioning", Bucket="locked"))["Status"] == "Enabled"
    suspended = {"Status": "Suspended"}
    await s3.refused(
        "InvalidBucketState",
        "PutBucketVersioning",
        Bucket="locked",
        VersioningConfiguration=suspended,
    )


async def test_a_page_goes_on_behind_a_version_that_is_gone(s3, versioned):
    ids = [(await s3.put(versioned, "k"))["VersionId"] for _ in range(4)]
    page = await s3("ListObjectVersions", Bucket=versioned, MaxKeys=2)
    marker = {"KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page["NextVersionIdMarker"]}
    assert page.names("Versions", "VersionId") == [ids[3], ids[2]]
    await s3("DeleteObject", Bucket=versioned, Key="k", VersionId=ids[2])
    rest = await s3("ListObjectVersions", Bucket=versioned, **marker)
    assert rest.names("Versions", "VersionId") == [ids[1], ids[0]]


async def test_a_page_goes_on_behind_a_null_version_that_is_gone(s3, versioned):
    ids = [(await s3.put(versioned, "k"))["VersionId"] for _ in range(2)]
    suspended = {"Status": "Suspended"}
    await s3("PutBucketVersioning", Bucket=versioned, VersioningConfiguration=suspended)
    await s3.put(versioned, "k")
    page = await s3("ListObjectVersions", Bucket=versioned, MaxKeys=1)
    marker = {"KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page["NextVersionIdMarker"]}
    assert page.names("Versions", "VersionId") == ["null"]
    rest = await s3("ListObjectVersions", Bucket=versioned, **marker)
    assert rest.names("Versions", "VersionId") == [ids[1], ids[0]]
    await s3("DeleteObject", Bucket=versioned, Key="k", VersionId="null")
    rest = await s3("ListObjectVersions", Bucket=versioned, **marker)
    assert rest.names("Versions", "VersionId") == [ids[1], ids[0]]
    assert rest.names("Versions", "IsLatest") == [True, False]


async def test_a_marker_of_a_version_needs_its_key(s3, versioned):
    for members in (
        {"VersionIdMarker": "null"},
        {"KeyMarker": "k", "VersionIdMarker": "what"},
        {"KeyMarker": "k", "VersionIdMarker": ""},
    ):
        await s3.refused("InvalidArgument", "ListObjectVersions", Bucket=versioned, **members)


async def test_mfa_delete_is_not_implemented(s3, bucket):
    configuration = {"Status": "Enabled", "MFADelete": "Enabled"}
    await s3.refused(
        "NotImplemented",
        "PutBucketVersioning",
        Bucket=bucket,
        VersioningConfiguration=configuration,
    )
