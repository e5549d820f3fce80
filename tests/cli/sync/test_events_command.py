"""events_command: the script, run by a real shell with an aws that writes down its arguments."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from s3d.cli.sync.events_command import setup_commands

AWS = """#!/bin/sh
[ "$1" = sts ] && echo 111122223333 && exit
for word; do printf '%s\\0' "$word"; done >> "$CALLS"
printf '\\n' >> "$CALLS"
"""


def run(script: str, folder: Path) -> tuple[list[list[str]], str]:
    """The calls of aws, and what is printed."""
    aws = folder / "aws"
    aws.write_text(AWS)
    aws.chmod(0o755)
    env = {"PATH": f"{folder}:{os.environ['PATH']}", "CALLS": str(folder / "calls")}
    done = subprocess.run(["sh", "-euc", script], env=env, check=True, capture_output=True)
    lines = (folder / "calls").read_text().splitlines()
    return [line.split("\0")[:-1] for line in lines], done.stdout.decode()


def option(call: list[str], name: str) -> str:
    return call[call.index(name) + 1]


@pytest.mark.parametrize("prefix", ["", "notes/", 'it\'s "$HOME" `x`/'])
def test_the_commands_are_what_aws_needs(tmp_path, prefix):
    script = setup_commands("my.bucket", prefix, region="eu-west-1", queue="s3d-laptop")
    calls, printed = run(script, tmp_path)
    assert [call[:2] for call in calls] == [
        ["sns", "create-topic"],
        ["sns", "set-topic-attributes"],
        ["s3api", "put-bucket-notification-configuration"],
        ["sqs", "create-queue"],
        ["sqs", "set-queue-attributes"],
        ["sns", "subscribe"],
    ]
    topic = "arn:aws:sns:eu-west-1:111122223333:s3d-my-bucket"
    queue = "arn:aws:sqs:eu-west-1:111122223333:s3d-laptop"
    (statement,) = json.loads(option(calls[1], "--attribute-value"))["Statement"]
    assert statement["Resource"] == topic
    assert statement["Condition"]["ArnEquals"]["aws:SourceArn"] == "arn:aws:s3:::my.bucket"
    (rule,) = json.loads(option(calls[2], "--notification-configuration"))["TopicConfigurations"]
    assert rule["TopicArn"] == topic
    rules = rule["Filter"]["Key"]["FilterRules"] if prefix else []
    assert rules == ([{"Name": "prefix", "Value": prefix}] if prefix else [])
    policy = json.loads(json.loads(option(calls[4], "--attributes"))["Policy"])
    assert policy["Statement"][0]["Resource"] == queue
    assert option(calls[5], "--notification-endpoint") == queue
    url = "https://sqs.eu-west-1.amazonaws.com/111122223333/s3d-laptop"
    assert option(calls[4], "--queue-url") == url
    assert printed == f"S3D_REMOTE_EVENTS=sqs:{url}\n"
