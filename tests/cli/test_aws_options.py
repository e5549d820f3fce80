"""What the options do is in copying/test_familiar_commands.py."""

import click
import pytest
from awscli.clidriver import create_clidriver

from s3d.cli import main
from s3d.cli.aws_options import AWS_OPTIONS, aws_options
from s3d.cli.copying.one_shot_sync import one_shot_command
from s3d.shared.errors import UsageError

COMMANDS = ("ls", "cp", "mv", "sync", "rm", "mb", "rb", "presign")

OF_VERSION_2 = {"copy-props", "case-conflict"}
"""Options that version 1 of the AWS CLI, which is installed here, does not have:
https://awscli.amazonaws.com/v2/documentation/api/latest/reference/s3/cp.html"""


@pytest.fixture(scope="module")
def options_of_aws():
    """Command and option of each."""
    s3 = create_clidriver().create_help_command().command_table["s3"]
    commands = s3.create_help_command().command_table
    return {
        (name, option)
        for name in COMMANDS
        for option in commands[name].arg_table
        if option not in ("path", "paths")
    }


def options_of(name):
    command = one_shot_command if name == "sync" else main.cli.get_command(None, name)
    for parameter in command.params:
        yield from (*parameter.opts, *parameter.secondary_opts)


def test_every_option_of_aws_is_taken_or_refused_with_a_reason(options_of_aws):
    ours = {(name, option.removeprefix("--")) for name in COMMANDS for option in options_of(name)}
    assert options_of_aws - ours == set()


def test_the_table_names_options_of_aws_alone(options_of_aws):
    ours = {(name, each.name) for each in AWS_OPTIONS for name in each.commands}
    assert {row for row in ours if row[1] not in OF_VERSION_2} <= options_of_aws


def test_a_refusal_names_what_to_use():
    @click.command()
    @aws_options("cp")
    def command():
        return 0

    assert command.main(["--page-size", "7"], standalone_mode=False) == 0
    with pytest.raises(UsageError, match="no --grants here: use --acl"):
        command.main(["--grants", "full=x"], standalone_mode=False)
    with pytest.raises(UsageError, match="no --request-payer here"):
        command.main(["--request-payer"], standalone_mode=False)
    with pytest.raises(click.BadOptionUsage, match="requires an argument"):
        command.main(["--page-size"], standalone_mode=False)
