"""Options of `aws s3` that s3d has no use for: it takes some without effect, and refuses others.

A line that works with `aws s3` works with s3d, or says why it does not and what does. The options
that have an effect here are those of the commands themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import click

from s3d.cli.session import F
from s3d.shared.errors import UsageError

COPIES = ("cp", "mv", "sync")


class AwsOption(NamedTuple):
    """One option. values: how many it takes; 0 is a flag."""

    name: str
    commands: tuple[str, ...]
    why: str
    """A clause: why s3d has no use for it, or what to use instead."""
    values: int = 1
    is_refused: bool = False


AWS_OPTIONS = (
    AwsOption("page-size", ("ls", "rm", *COPIES), "a page has as many keys as the server gives"),
    AwsOption("expected-size", ("cp",), "stdin is sent in parts that grow with it"),
    AwsOption("checksum-mode", COPIES, "every download is verified"),
    AwsOption("ignore-glacier-warnings", COPIES, "an archived object fails by itself", 0),
    AwsOption("force-glacier-transfer", COPIES, "every object is tried", 0),
    AwsOption("case-conflict", COPIES, "a name that the folder cannot hold fails by itself"),
    AwsOption("validate-same-s3-paths", ("mv",), "a move onto itself is always refused", 0),
    AwsOption("request-payer", ("ls", "rm", *COPIES),
              "s3d never offers to pay for requests", is_refused=True),
    AwsOption("source-region", COPIES, "the agent has one remote, and S3D_REMOTE_REGION is its "
              "region; s3d migrate copies from another one", is_refused=True),
    AwsOption("checksum-algorithm", COPIES, "s3d chooses the checksum; for another one use "
              "aws s3 with the agent as its endpoint: eval \"$(s3d env)\"", is_refused=True),
    AwsOption("copy-props", COPIES, "a copy has the metadata and tags of its source; "
              "--metadata-directive and --tag give it others", is_refused=True),
    AwsOption("grants", COPIES, "use --acl", is_refused=True),
    AwsOption("website-redirect", COPIES, "use aws s3api put-object "
              "--website-redirect-location with the agent as its endpoint", is_refused=True),
    *(
        AwsOption(name, COPIES, "s3d keeps no keys of clients in its transfers; use aws s3 with "
                  "the agent as its endpoint: eval \"$(s3d env)\"", is_refused=True)
        for name in ("sse-c", "sse-c-key", "sse-c-copy-source", "sse-c-copy-source-key")
    ),
    AwsOption("bucket-name-prefix", ("ls",), "filter the output: s3d ls | grep ' NAME'",
              is_refused=True),
    AwsOption("bucket-region", ("ls",), "all buckets of a remote are shown",
              is_refused=True),
)  # fmt: skip


def aws_options(command: str) -> Callable[[F], F]:
    """Add the options of `aws s3 COMMAND` that s3d has no use for. The help does not show them."""

    def add(function: F) -> F:
        for each in AWS_OPTIONS:
            if command in each.commands:
                # A refused one is refused with its reason even without the value that it takes.
                takes = {"is_flag": False, "flag_value": "yes"} if each.is_refused else {}
                function = click.option(
                    f"--{each.name}",
                    **(takes if each.values else {"is_flag": True}),
                    hidden=True,
                    expose_value=False,
                    callback=_refusal(each) if each.is_refused else None,
                    help=each.why,
                )(function)
        return function

    return add


def _refusal(
    option: AwsOption,
) -> Callable[[click.Context, click.Parameter, str | bool | None], None]:
    """Raises UsageError when the option is there."""

    def refuse(ctx: click.Context, param: click.Parameter, value: str | bool | None) -> None:
        if value and not ctx.resilient_parsing:
            raise UsageError("bad usage", f"no --{option.name} here: {option.why}")

    return refuse
