"""s3d fault, with boto3 as the client that suffers."""

from time import perf_counter

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, ConnectionError, HTTPClientError

from tests.cli.testing_store import agent_for_tests, tested  # noqa: F401 - fixtures


def outcome(call, **arguments):
    """The error code of a call; "" when it succeeds."""
    try:
        call(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return ""


def test_requests_fail_as_asked(tested):  # noqa: F811
    s3 = tested.agent.s3()
    s3.create_bucket(Bucket="photos")
    added = tested.json(
        "fault", "add", "--operation", "PutObject", "--bucket", "photos/2026/", "--error",
        "SlowDown", "--times", "2",
    )  # fmt: skip
    with pytest.raises(ClientError) as caught:
        s3.put_object(Bucket="photos", Key="2026/a", Body=b"x" * 100_000)
    answer = caught.value.response
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 503
    assert answer["Error"]["Code"] == "SlowDown"
    assert answer["Error"]["Message"] == "Please reduce your request rate."
    assert answer["ResponseMetadata"]["RequestId"]
    assert outcome(s3.put_object, Bucket="photos", Key="2025/a") == ""
    assert outcome(s3.head_object, Bucket="photos", Key="2025/a") == ""
    assert outcome(s3.put_object, Bucket="photos", Key="2026/a") == "SlowDown"
    assert outcome(s3.put_object, Bucket="photos", Key="2026/a") == ""
    shown = tested.json("fault", "ls")
    assert (shown["id"], shown["matched"], shown["failed"]) == (added["id"], 3, 2)
    assert "(2 of 3 requests)" in tested("fault", "ls")[1]
    assert tested("fault", "rm", str(added["id"]))[0] == 0
    assert tested("fault", "rm", str(added["id"]))[0] == 3


def test_a_client_that_retries_succeeds(tested):  # noqa: F811
    s3 = tested.agent.s3(retries={"total_max_attempts": 4, "mode": "standard"})
    s3.create_bucket(Bucket="photos")
    tested("fault", "add", "--operation", "PutObject", "--error", "SlowDown", "--times", "1")
    tested("fault", "add", "--operation", "GetObject", "--close", "--times", "1")
    s3.put_object(Bucket="photos", Key="k", Body=b"data")
    assert s3.get_object(Bucket="photos", Key="k")["Body"].read() == b"data"
    assert [each["failed"] for each in tested.json("fault", "ls")] == [1, 1]


def test_a_connection_closes_and_a_request_is_late(tested):  # noqa: F811
    s3 = tested.agent.s3()
    s3.create_bucket(Bucket="photos")
    tested("fault", "add", "--operation", "PutObject", "--close")
    with pytest.raises((ConnectionClosedError, ConnectionError, HTTPClientError)):
        s3.put_object(Bucket="photos", Key="k", Body=b"data")
    assert outcome(s3.head_object, Bucket="photos", Key="k") == "404"
    tested("fault", "rm", "--all")
    tested("fault", "add", "--delay", "200ms")
    started = perf_counter()
    s3.put_object(Bucket="photos", Key="k")
    assert perf_counter() - started >= 0.2
    # The commands of s3d are no clients under test.
    assert tested("ls", "photos")[0] == 0
    assert tested("reset")[0] == 0
    assert tested("fault", "ls") == (0, "")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "an error, a delay or a closed connection"),
        (("--error", "Slow"), "S3 has no error Slow"),
        (("--operation", "Putobject", "--close"), "did you mean PutObject"),
        (("--delay", "soon"), "--delay 'soon'"),
        (("--close", "--rate", "2"), "a rate"),
        (("--close", "--error", "SlowDown"), "not both"),
    ],
)
def test_bad_faults(tested, arguments, words):  # noqa: F811
    code, out = tested("fault", "add", *arguments)
    assert (code, words in out) == (2, True), out
