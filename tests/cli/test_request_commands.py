"""s3d requests and s3d wait, with boto3 as the client."""

import threading

import pytest
from botocore import UNSIGNED
from botocore.exceptions import ClientError

from tests.cli.testing_store import agent_for_tests, tested  # noqa: F401 - fixtures


def test_what_was_requested(tested):  # noqa: F811
    s3 = tested.agent.s3()
    s3.create_bucket(Bucket="photos")
    put = s3.put_object(Bucket="photos", Key="a b.jpg", Body=b"x" * 1_000)
    with pytest.raises(ClientError):
        s3.get_object(Bucket="photos", Key="missing")
    with pytest.raises(ClientError):
        tested.agent.s3(signature_version=UNSIGNED).get_object(Bucket="photos", Key="a b.jpg")
    requests = tested.json("requests")
    first = requests[0]["seq"]
    assert [(r["operation"], r["status"], r["error"]) for r in requests] == [
        ("CreateBucket", 200, ""),
        ("PutObject", 200, ""),
        ("GetObject", 404, "NoSuchKey"),
        ("GetObject", 403, "AccessDenied"),
    ]
    one = requests[1]
    assert (one["method"], one["path"]) == ("PUT", "/photos/a%20b.jpg")
    assert (one["bucket"], one["key"]) == ("photos", "a b.jpg")
    assert one["request_id"] == put["ResponseMetadata"]["RequestId"]
    assert one["received"] >= 1_000
    assert 0 < one["duration"] < 10
    assert one["principal"].startswith("arn:aws:iam::")
    assert "Boto3" in one["user_agent"]
    assert requests[3]["principal"] == "anonymous"
    for arguments, found in (
        (("--operation", "GetObject"), [3, 4]),
        (("--status", "4xx", "--key", "missing"), [3]),
        (("--bucket", "other"), []),
        (("--since", str(first + 2)), [4]),
    ):
        listed = tested("requests", *arguments)[1].splitlines()
        assert [int(line.split()[0]) - first + 1 for line in listed] == found, arguments
    assert tested("requests", "--status", "4")[0] == 2
    assert tested("requests", "--clear", "--bucket", "b")[0] == 2
    assert tested("requests", "--clear")[0] == 0
    assert tested("requests") == (0, "")


def test_a_presigned_url_is_recorded_without_its_signature(tested):  # noqa: F811
    from urllib.request import urlopen

    s3 = tested.agent.s3()
    s3.create_bucket(Bucket="photos")
    s3.put_object(Bucket="photos", Key="k", Body=b"data")
    url = s3.generate_presigned_url("get_object", Params={"Bucket": "photos", "Key": "k"})
    with urlopen(url) as answer:
        assert answer.read() == b"data"
    path = tested.json("requests", "--operation", "GetObject")["path"]
    signature = url.partition("Signature=")[2].partition("&")[0]
    assert "Signature=" in path
    assert signature not in path


def test_waiting_for_a_request(tested):  # noqa: F811
    s3 = tested.agent.s3()
    s3.create_bucket(Bucket="photos")
    later = threading.Timer(0.3, s3.put_object, kwargs={"Bucket": "photos", "Key": "k"})
    later.start()
    request = tested.json("wait", "--operation", "PutObject", "--bucket", "photos", "--key", "k")
    later.join()
    assert (request["key"], request["status"]) == ("k", 200)
    last = str(request["seq"])
    # One that came before the command counts, unless it is too old.
    assert tested("wait", "--operation", "PutObject", "--timeout", "0")[0] == 0
    code, out = tested("wait", "--operation", "PutObject", "--since", last, "--timeout", "0.1")
    assert code == 1
    assert "no such request within 100 ms: --operation PutObject --status 2xx" in out
    assert tested("wait", "--timeout", "long")[0] == 2
