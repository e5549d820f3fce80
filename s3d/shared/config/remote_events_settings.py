"""[remote_events]: how s3d learns what other writers change at the remote.

It does not import annotations from __future__, for the reason that schema.py states.
"""

from typing import Annotated

import msgspec

from s3d.shared.config.rules import NO_FLAG, Rule
from s3d.shared.config.validators import (
    parse_price,
    parse_region,
    parse_target_url,
    parse_text,
    parse_token,
)
from s3d.shared.config.values import Secret

MARKER, OFF, QUEUE = "marker", "off", "sqs:"


def parse_source(text: str) -> str:
    """marker, off, or sqs: and the URL of a queue."""
    if text in (MARKER, OFF):
        return text
    if not text.startswith(QUEUE):
        raise ValueError("write marker, off, or sqs:https://sqs.REGION.amazonaws.com/ACCOUNT/QUEUE")
    return QUEUE + parse_target_url(text.removeprefix(QUEUE))


class RemoteEventsConfig(msgspec.Struct, frozen=True, kw_only=True):
    """[remote_events]: events of the remote, and the marker objects of sync folders."""

    source: Annotated[
        str,
        Rule(
            "How changes at the remote are noticed: marker, sqs:URL of a queue, or off",
            parse_source,
            section_default=True,
        ),
    ] = MARKER
    profile: Annotated[
        str,
        Rule("AWS profile for the queue; unset: the credentials of the remote", parse_text),
    ] = ""
    region: Annotated[
        str,
        Rule("Region of the queue; unset: that of its URL, else of the remote", parse_region),
    ] = ""
    endpoint: Annotated[
        str,
        Rule("URL of the queue's service; unset: that of the queue", parse_target_url),
    ] = ""
    token: Annotated[
        Secret | None,
        Rule(
            "Bearer token of the webhook /remote-events (admin address); unset: no webhook",
            parse_token,
            secret=True,
            sources=NO_FLAG,
        ),
    ] = None
    cost_limit: Annotated[
        float,
        Rule(
            "Most that looking for changes of a folder may cost a month, in $; 0: no limit",
            parse_price,
        ),
    ] = 0.0
