"""[[notification_target]]: the webhooks and queues that buckets can send their events to.

It does not import annotations from __future__, for the reason that schema.py states.
"""

from collections.abc import Iterable, Mapping
from typing import Annotated

import msgspec

from s3d.shared.config.rules import NO_FLAG, Given, Problem, Rule
from s3d.shared.config.validators import (
    parse_access_key_id,
    parse_name,
    parse_region,
    parse_secret,
    parse_target_type,
    parse_target_url,
    parse_token,
)
from s3d.shared.config.values import Secret

TARGET = "notification_target"


class NotificationTargetConfig(msgspec.Struct, frozen=True, kw_only=True):
    """[[notification_target]]: a webhook or a queue that buckets can send their events to."""

    name: Annotated[
        str,
        Rule(
            "Name of the target, the last part of its ARN",
            parse_name,
            section_default=True,
        ),
    ] = ""
    type: Annotated[
        str,
        Rule("webhook, or sqs for a queue that is compatible with Amazon SQS", parse_target_type),
    ] = "webhook"
    url: Annotated[
        str,
        Rule("URL that receives the events; for sqs: the URL of the queue", parse_target_url),
    ] = ""
    secret: Annotated[
        Secret | None,
        Rule(
            "Secret of a webhook, to sign the events with",
            parse_secret,
            secret=True,
            sources=NO_FLAG,
        ),
    ] = None
    token: Annotated[
        Secret | None,
        Rule("Bearer token of a webhook", parse_token, secret=True, sources=NO_FLAG),
    ] = None
    access_key_id: Annotated[
        str,
        Rule("Access key id for the queue; unset: requests are not signed", parse_access_key_id),
    ] = ""
    secret_access_key: Annotated[
        Secret | None,
        Rule("Secret of that access key", parse_secret, secret=True, sources=NO_FLAG),
    ] = None
    region: Annotated[
        str,
        Rule("Region of the queue", parse_region),
    ] = "us-east-1"


def check_targets(
    targets: Iterable[NotificationTargetConfig],
    single: NotificationTargetConfig,
    given: Mapping[str, Given],
    file: str,
) -> list[Problem]:
    """Problems of notification targets: each needs a name of its own and a URL."""
    problems: list[Problem] = []
    names: set[str] = set()
    for target in targets:
        one = given.get(f"{TARGET}.name") or given.get(f"{TARGET}.url")
        is_given = target is single and one is not None
        origin = one.origin if is_given and one is not None else file
        place = f"{TARGET} {target.name}".strip()
        problems += [
            Problem(f"{TARGET}.{missing}", origin, f"{place}: {missing} is not set")
            for missing in ("name", "url")
            if not getattr(target, missing)
        ]
        if target.name in names:
            message = f"{place}: another target has this name"
            problems.append(Problem(f"{TARGET}.name", origin, message))
        if bool(target.access_key_id) != bool(target.secret_access_key):
            message = f"{place}: set both access_key_id and secret_access_key, or neither"
            problems.append(Problem(f"{TARGET}.access_key_id", origin, message))
        names.add(target.name)
    return problems
