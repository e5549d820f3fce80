"""Conditional writes through the agent, before a server that ignores all conditions."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from botocore.exceptions import ClientError

from tests.forked_process import run_text
from tests.known_load import wait_until

pytestmark = pytest.mark.slow


@pytest.fixture(params=["true", "false"], ids=["queue", "through"])
def agent(start_agent, rclone_s3, bucket_name, request):
    agent = start_agent(
        env={
            "S3D_REMOTE": rclone_s3.endpoint,
            "AWS_ACCESS_KEY_ID": rclone_s3.access_key,
            "AWS_SECRET_ACCESS_KEY": rclone_s3.secret_key,
            "S3D_WRITE_QUEUE": request.param,
        }
    )
    assert rclone_s3.ask("PUT", f"/{bucket_name}") == 200
    return agent


def code(act, **members):
    """Of the refusal; "" for none."""
    try:
        act(**members)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return ""


def test_a_condition_is_judged_for_a_server_that_ignores_it(agent, bucket_name):
    with closing(agent.s3()) as s3:
        place = {"Bucket": bucket_name, "Key": "k"}
        s3.put_object(**place, Body=b"1")
        assert code(s3.put_object, **place, Body=b"2", IfNoneMatch="*") == "PreconditionFailed"
        wrong = '"00000000000000000000000000000000"'
        assert code(s3.delete_object, **place, IfMatch=wrong) == "PreconditionFailed"
        assert s3.get_object(**place)["Body"].read() == b"1"


def completed(s3, place, data):
    """Begin an upload of one part; what completes it if there is no object."""
    upload = s3.create_multipart_upload(**place)["UploadId"]
    part = s3.upload_part(**place, UploadId=upload, PartNumber=1, Body=data)["ETag"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": part}]}
    end = {**place, "UploadId": upload, "MultipartUpload": parts, "IfNoneMatch": "*"}
    return lambda: code(s3.complete_multipart_upload, **end)


@pytest.mark.parametrize("uploads", [0, 4])
def test_of_eight_clients_that_race_one_wins(agent, bucket_name, uploads):
    place = {"Bucket": bucket_name, "Key": "k"}
    with closing(agent.s3(max_pool_connections=8)) as s3, ThreadPoolExecutor(8) as pool:
        races = [completed(s3, place, b"%d" % n) for n in range(uploads)]
        for number in range(uploads, 8):
            members = {**place, "Body": b"%d" % number, "IfNoneMatch": "*"}
            races.append(lambda members=members: code(s3.put_object, **members))
        codes = list(pool.map(lambda race: race(), races))
        assert sorted(codes) == ["", *["PreconditionFailed"] * 7]
        assert s3.get_object(**place)["Body"].read() == b"%d" % codes.index("")


def test_the_status_tells_how_far_that_goes(agent, bucket_name):
    with closing(agent.s3()) as s3:
        s3.put_object(Bucket=bucket_name, Key="k", Body=b"1", IfNoneMatch="*")
    wait_until(lambda: agent.client.status().remote.capabilities)
    assert agent.client.status().remote.capabilities == {bucket_name: "C"}
    shown = run_text("s3d", "status", env=agent.env)
    assert f"{bucket_name}: the remote ignores conditions" in shown.stdout
