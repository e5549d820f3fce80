"""s3d explain against a real agent: which statement, grant, scope or switch decides."""

import json

import pytest

from s3d.cli.main import execute
from tests.agent_process import AgentProcess

POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "readers",
            "Effect": "Allow",
            "Principal": "*",
            "Action": "s3:GetObject",
            "Resource": "arn:aws:s3:::photos/*",
        },
        {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:GetObject",
            "Resource": "arn:aws:s3:::photos/secret/*",
        },
    ],
}


@pytest.fixture
def s3d(agent: AgentProcess, capsys):
    """Run a command; its exit code and what it prints."""
    s3 = agent.s3()
    s3.create_bucket(Bucket="photos", ACL="public-read")
    s3.put_bucket_policy(Bucket="photos", Policy=json.dumps(POLICY))

    def run(*arguments: str) -> tuple[int, str]:
        capsys.readouterr()
        code = execute([*arguments, "--socket", str(agent.places.socket)])
        out, err = capsys.readouterr()
        return code, out + err

    return run


def test_what_decides(s3d):
    assert s3d("key", "create", "ci", "--bucket", "photos/builds/")[0] == 0
    for arguments, code, words in (
        (("s3:GetObject", "photos/k"), 0, "scope of the key"),
        (("getobject", "photos/k", "--as", "anonymous"), 0, 'allows it: statement 1 "readers"'),
        (("GetObject", "photos/secret/k"), 1, "the policy of the bucket denies it: statement 2"),
        (("ListObjectsV2", "photos", "--as", "anonymous"), 0, "the ACL of the bucket grants READ"),
        (("PutObject", "photos/k", "--as", "anonymous"), 1, "no policy and no list"),
        (("PutObject", "photos/k", "--as", "ci"), 1, "does not include it"),
        (("PutObject", "photos/builds/k", "--as", "ci"), 0, "includes it"),
        (("s3:ListBucket", "photos/builds/", "--as", "ci"), 0, "includes it"),
        (("s3:GetObject", "nowhere/k"), 1, "there is no such bucket"),
        (("s3:Fly", "photos/k"), 1, "no such action"),
        (("s3:GetObject", "photos"), 1, "write BUCKET/KEY"),
        (("s3:GetBucketAcl", "photos/k"), 1, "leave out the key"),
        (("s3:GetObject", "photos/k", "--as", "nobody"), None, "no access key nobody"),
    ):
        found, text = s3d("explain", *arguments)
        assert words in text, arguments
        assert code is None or (found == 0) is (code == 0), arguments


def test_the_answer_in_json(s3d):
    code, text = s3d("explain", "GetObject", "photos/secret/k", "--as", "anonymous", "--json")
    assert code == 1
    assert json.loads(text) == {
        "caller": "anonymous",
        "action": "s3:GetObject",
        "resource": "arn:aws:s3:::photos/secret/k",
        "allowed": False,
        "reason": "the policy of the bucket denies it: statement 2",
    }
