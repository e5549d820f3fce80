"""s3d sync events: how changes at the remote are noticed, and the commands that set up a queue."""

from __future__ import annotations

import json
import re
import shlex
import socket
from typing import Any

import click

from s3d.cli.completers import complete_folder
from s3d.cli.output import fields
from s3d.cli.session import Session, pass_session, socket_option
from s3d.cli.sync.folder_text import folder_name, remote_fields

_QUEUE_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}")
_EVENTS = ("s3:ObjectCreated:*", "s3:ObjectRemoved:*", "s3:LifecycleExpiration:*")


@click.command("events", short_help="Show how changes at the remote are noticed.")
@click.argument("folder", required=False, shell_complete=complete_folder)
@click.option("--print", "prints", is_flag=True, help="Print the AWS commands that set up a queue.")
@click.option("--region", default="us-east-1", show_default=True, help="Region of the bucket.")
@click.option("--queue", default="", help="Name of the queue; each agent needs its own.")
@socket_option
@pass_session
def events_command(
    session: Session, /, folder: str | None, *, prints: bool, region: str, queue: str
) -> None:
    """Show how changes at the remote are noticed, or print the AWS commands for events.

    Each agent gets a queue of SQS behind one SNS topic of the bucket. Nothing is changed at AWS
    before you run the commands.

    \b
    Example:
      s3d sync events notes --print --region eu-west-1
    """
    client = session.sync()
    status = client.folder(folder_name(client, folder))
    if not prints:
        fields(remote_fields(status) or [("remote", "none: the store is on this machine")])
        return
    name = queue or f"s3d-{socket.gethostname().partition('.')[0]}"
    if not _QUEUE_NAME.fullmatch(name):
        raise click.BadParameter("letters, digits, - and _, at most 80", param_hint="--queue")
    click.echo(setup_commands(status.bucket, status.prefix, region=region, queue=name))


def setup_commands(bucket: str, prefix: str, *, region: str, queue: str) -> str:
    """A shell script that sends the events of a prefix to a topic, and those of the topic to a
    queue."""
    topic = f"s3d-{bucket}".replace(".", "-")
    topic_arn, queue_arn = (f"arn:aws:{kind}:{region}:$ACCOUNT:{name}" for kind, name in
                            (("sns", topic), ("sqs", queue)))  # fmt: skip
    from_bucket = _policy("s3.amazonaws.com", "sns:Publish", topic_arn, f"arn:aws:s3:::{bucket}")
    from_topic = _policy("sns.amazonaws.com", "sqs:SendMessage", queue_arn, topic_arn)
    url = f"https://sqs.{region}.amazonaws.com/$ACCOUNT/{queue}"
    rule: dict[str, Any] = {"Id": "s3d", "TopicArn": topic_arn, "Events": list(_EVENTS)}
    if prefix:
        rule["Filter"] = {"Key": {"FilterRules": [{"Name": "prefix", "Value": prefix}]}}
    notification = {"TopicConfigurations": [rule]}
    where, name = shlex.quote(region), shlex.quote(bucket)
    return "\n".join(
        (
            "ACCOUNT=$(aws sts get-caller-identity --query Account --output text)",
            "# Once for the bucket. The last command replaces the notifications that it has: see",
            f"#   aws s3api get-bucket-notification-configuration --bucket {name}",
            f"aws sns create-topic --region {where} --name {topic}",
            f"aws sns set-topic-attributes --region {where} --topic-arn {_quoted(topic_arn)} "
            f"--attribute-name Policy --attribute-value {_quoted(from_bucket)}",
            f"aws s3api put-bucket-notification-configuration --bucket {name} "
            f"--notification-configuration {_quoted(json.dumps(notification))}",
            "# Once for each agent.",
            f"aws sqs create-queue --region {where} --queue-name {queue} "
            "--attributes MessageRetentionPeriod=345600,ReceiveMessageWaitTimeSeconds=20",
            f"aws sqs set-queue-attributes --region {where} --queue-url {_quoted(url)} "
            f"--attributes {_quoted(json.dumps({'Policy': from_topic}))}",
            f"aws sns subscribe --region {where} --topic-arn {_quoted(topic_arn)} "
            f"--protocol sqs --notification-endpoint {_quoted(queue_arn)} "
            "--attributes RawMessageDelivery=true",
            f'echo "S3D_REMOTE_EVENTS=sqs:{url}"',
        )
    )


def _policy(service: str, action: str, resource: str, source: str) -> str:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": action,
        "Resource": resource,
        "Condition": {"ArnEquals": {"aws:SourceArn": source}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _quoted(text: str) -> str:
    """A word of the shell in which $ACCOUNT is replaced, and nothing else."""
    parts = [shlex.quote(part) if part else "" for part in text.split("$ACCOUNT")]
    return '"$ACCOUNT"'.join(parts)
