"""Unfinished multipart uploads in the queue of a gateway, in front of another s3d."""

from __future__ import annotations

from contextlib import closing

import pytest
from botocore.exceptions import ClientError

pytestmark = pytest.mark.slow


def test_a_deletion_of_the_bucket_that_is_refused_leaves_them(start_agent, tmp_path) -> None:
    """Their parts were acknowledged, and are nowhere else."""
    remote = start_agent(home=tmp_path / "remote")
    env = {**remote.as_remote, "S3D_PROBE": "false"}
    gateway = start_agent(home=tmp_path / "gateway", env=env)
    with closing(gateway.s3()) as s3:
        s3.create_bucket(Bucket="bucket")
        s3.put_object(Bucket="bucket", Key="other", Body=b"data")
        upload = {"Bucket": "bucket", "Key": "k"}
        upload["UploadId"] = s3.create_multipart_upload(**upload)["UploadId"]
        part = s3.upload_part(**upload, PartNumber=1, Body=b"acknowledged")
        with pytest.raises(ClientError, match="BucketNotEmpty"):
            s3.delete_bucket(Bucket="bucket")
        parts = [{"PartNumber": 1, "ETag": part["ETag"]}]
        s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
        assert s3.get_object(Bucket="bucket", Key="k")["Body"].read() == b"acknowledged"
