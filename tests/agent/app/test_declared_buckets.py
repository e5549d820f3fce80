"""[[bucket]] of the configuration file, with a real agent and boto3."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

from tests.agent_process import StartFailed

FULL = """
[[bucket]]
name = "photos"
versioning = "Enabled"
object_lock = {Mode = "GOVERNANCE", Days = 3}
public_access_block = true
encryption = "AES256"
ownership = "BucketOwnerPreferred"
tags = {team = "web", stage = "test"}
logging = {LoggingEnabled = {TargetBucket = "logs", TargetPrefix = "photos/"}}

[[bucket.cors]]
AllowedMethods = ["GET"]
AllowedOrigins = ["*"]

[[bucket.lifecycle]]
ID = "old"
Status = "Enabled"
Filter = {Prefix = "log/"}
Expiration = {Days = 30}

[[bucket]]
name = "logs"

[[bucket.policy.Statement]]
Effect = "Deny"
Principal = "*"
Action = "s3:DeleteObject"
Resource = "arn:aws:s3:::logs/*"

[bucket.policy]
Version = "2012-10-17"
"""


@pytest.fixture
def configured(tmp_path, start_agent):
    """Start with a configuration file."""

    def start(text, *arguments):
        file = tmp_path / "home" / "config" / "config.toml"
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        (tmp_path / "home").chmod(0o700)
        file.write_text(text)
        return start_agent(*arguments)

    return start


def test_buckets_are_made_with_their_settings(configured, tmp_path):
    seed = tmp_path / "seed" / "photos"
    seed.mkdir(parents=True)
    (seed / "a.txt").write_bytes(b"a")
    agent = configured(FULL, "--seed", str(seed.parent))
    for _ in range(2):
        s3 = agent.s3()
        assert [b["Name"] for b in s3.list_buckets()["Buckets"]] == ["logs", "photos"]
        assert s3.get_bucket_versioning(Bucket="photos")["Status"] == "Enabled"
        lock = s3.get_object_lock_configuration(Bucket="photos")["ObjectLockConfiguration"]
        assert lock["Rule"]["DefaultRetention"] == {"Mode": "GOVERNANCE", "Days": 3}
        blocks = s3.get_public_access_block(Bucket="photos")["PublicAccessBlockConfiguration"]
        assert all(blocks.values())
        assert len(blocks) == 4
        tags = s3.get_bucket_tagging(Bucket="photos")["TagSet"]
        assert {each["Key"]: each["Value"] for each in tags} == {"team": "web", "stage": "test"}
        cors = s3.get_bucket_cors(Bucket="photos")["CORSRules"]
        assert cors == [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}]
        rules = s3.get_bucket_lifecycle_configuration(Bucket="photos")["Rules"]
        assert (rules[0]["ID"], rules[0]["Expiration"]) == ("old", {"Days": 30})
        assert s3.get_bucket_logging(Bucket="photos")["LoggingEnabled"]["TargetBucket"] == "logs"
        policy = json.loads(s3.get_bucket_policy(Bucket="logs")["Policy"])
        assert policy["Statement"][0]["Effect"] == "Deny"
        head = s3.head_object(Bucket="photos", Key="a.txt")
        assert head["ServerSideEncryption"] == "AES256"
        assert head["ObjectLockMode"] == "GOVERNANCE"
        s3.put_object(Bucket="logs", Key="kept")
        with pytest.raises(ClientError, match="AccessDenied"):
            s3.delete_object(Bucket="logs", Key="kept")
        # What the file does not declare stays, and so do objects.
        s3.put_bucket_website(
            Bucket="logs", WebsiteConfiguration={"IndexDocument": {"Suffix": "index.html"}}
        )
        s3.delete_bucket_tagging(Bucket="photos")
        agent.stop()
        agent = configured(FULL)
    s3 = agent.s3()
    assert s3.get_bucket_website(Bucket="logs")["IndexDocument"] == {"Suffix": "index.html"}
    assert s3.head_object(Bucket="logs", Key="kept")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[[bucket]]\nname = "photos"\ncors = [{AllowedMethod = ["GET"]}]', ":3: bucket.cors: "),
        ('[[bucket]]\nname = "photos"\n[[bucket.cors]]\nAllowedMethods = ["GRAB"]\n'
         'AllowedOrigins = ["*"]', ":3: bucket.cors: InvalidRequest"),
        ('[[bucket]]\nname = "photos"\n\nencryption = "rot13"', ":4: bucket.encryption: Rules[0]"),
        ('[[bucket]]\nname = "photos"\npolicy = "{"', ":3: bucket.policy: MalformedPolicy"),
        ('[[bucket]]\nname = "photos"\nversionning = "Enabled"', "did you mean versioning?"),
    ],
)  # fmt: skip
def test_a_wrong_setting_stops_the_start_with_its_line(configured, text, expected):
    with pytest.raises(StartFailed) as caught:
        configured(text)
    assert caught.value.code == 2
    assert expected in str(caught.value)


def test_with_a_remote_the_buckets_are_the_remotes(configured):
    with pytest.raises(StartFailed, match="only for the embedded store"):
        configured('[[bucket]]\nname = "photos"', "--remote", "http://127.0.0.1:9")
