"""Temporary credentials and forms, with real clients against the embedded store."""

from __future__ import annotations

import json
import uuid
from typing import Any
from urllib.parse import quote
from urllib.request import Request, urlopen

import boto3
import pytest
from botocore.config import Config

from tests.agent_process import AgentProcess
from tests.e2e.conftest import Run
from tests.e2e.principals import MAIN_ID, Principals, outcome, statement

ROLE = "arn:aws:iam::123456789012:role/builder"


@pytest.fixture(scope="module")
def who(agent: AgentProcess) -> Principals:
    return Principals(agent)


def assume(agent: AgentProcess, policy: dict[str, Any] | None = None) -> Any:
    """A client of S3 with the credentials of AssumeRole, asked for by the default key."""
    common = {"endpoint_url": agent.endpoint, "region_name": "us-east-1"}
    access_key, secret = agent.key
    sts = boto3.client("sts", aws_access_key_id=access_key, aws_secret_access_key=secret, **common)
    given = {} if policy is None else {"Policy": json.dumps(policy)}
    answer = sts.assume_role(RoleArn=ROLE, RoleSessionName="me", **given)["Credentials"]
    sts.close()
    return boto3.client(
        "s3",
        aws_access_key_id=answer["AccessKeyId"],
        aws_secret_access_key=answer["SecretAccessKey"],
        aws_session_token=answer["SessionToken"],
        config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
        **common,
    )


def test_a_session_is_narrowed_by_its_policy_and_by_that_of_the_bucket(
    agent: AgentProcess, who: Principals
) -> None:
    bucket = who.bucket()
    for key in "a", "b":
        who.main.put_object(Bucket=bucket, Key=key, Body=b"1")
    everything, only_a = (
        assume(agent),
        assume(
            agent,
            {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Action": "s3:GetObject",
                        "Resource": f"arn:aws:s3:::{bucket}/a",
                    }
                ],
            },
        ),
    )
    assert outcome(everything.get_object, Bucket=bucket, Key="b") == "ok"
    assert outcome(only_a.get_object, Bucket=bucket, Key="a") == "ok"
    assert outcome(only_a.get_object, Bucket=bucket, Key="b") == "AccessDenied"
    assert outcome(only_a.put_object, Bucket=bucket, Key="a", Body=b"") == "AccessDenied"
    role = {"AWS": "arn:aws:iam::000000000000:role/builder"}
    who.policy(bucket, statement("Deny", "s3:GetObject", f"{bucket}/a", Principal=role))
    for session in everything, only_a:
        assert outcome(session.get_object, Bucket=bucket, Key="a") == "AccessDenied"
    assert outcome(who.main.get_object, Bucket=bucket, Key="a") == "ok"


def test_what_a_session_makes_belongs_to_the_owner_of_its_key(
    agent: AgentProcess, who: Principals
) -> None:
    bucket = f"session-{uuid.uuid4().hex[:12]}"
    assume(agent).create_bucket(Bucket=bucket)
    assert who.main.get_bucket_acl(Bucket=bucket)["Owner"]["ID"] == MAIN_ID


def test_a_policy_of_a_session_does_not_open_what_belongs_to_others(
    agent: AgentProcess, who: Principals
) -> None:
    bucket = who.bucket(who.alt)
    policy = {
        "Version": "2012-10-17",
        "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"},
    }
    session = assume(agent, policy)
    assert outcome(session.list_objects_v2, Bucket=bucket) == "AccessDenied"
    assert outcome(session.put_object, Bucket=bucket, Key="k", Body=b"") == "AccessDenied"


def test_a_form_redirects_to_what_everyone_may_read(who: Principals) -> None:
    """post object success redirect action: the query says what was stored."""
    bucket = who.bucket(ACL="public-read-write")
    target = f"{who.main.meta.endpoint_url}/{bucket}"
    form = who.main.generate_presigned_post(
        bucket,
        "folder/k",
        Fields={"success_action_redirect": target},
        Conditions=[["eq", "$success_action_redirect", target]],
    )
    parts = [
        f'--b\r\ncontent-disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in form["fields"].items()
    ]
    body = (
        "".join(parts) + '--b\r\ncontent-disposition: form-data; name="file"\r\n\r\nx\r\n--b--\r\n'
    )
    headers = {"content-type": "multipart/form-data; boundary=b"}
    with urlopen(Request(form["url"], body.encode(), headers)) as answer:
        etag = who.main.head_object(Bucket=bucket, Key="folder/k")["ETag"]
        query = f"bucket={bucket}&key={quote('folder/k', safe='')}&etag={quote(etag)}"
        assert (answer.status, answer.url) == (200, f"{target}?{query}")
        assert b"<ListBucketResult" in answer.read()


@pytest.mark.slow
def test_the_command_line_of_aws_assumes_a_role(agent: AgentProcess, run: Run) -> None:
    sts = ("aws", "sts", "--endpoint-url", agent.endpoint, "--region", "us-east-1")
    role = run(*sts, "assume-role", "--role-arn", ROLE, "--role-session-name", "cli")
    assert json.loads(role)["AssumedRoleUser"]["Arn"].endswith("assumed-role/builder/cli")
