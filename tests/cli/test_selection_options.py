import click
import pytest
from click.testing import CliRunner

from s3d.cli.selection_options import RuledCommand, rule_options


@click.command(cls=RuledCommand)
@rule_options
@click.argument("rest", nargs=-1)
def show(rules, rest):
    click.echo(" ".join([*(f"{'-+'[rule.include]}{rule.pattern}" for rule in rules), *rest]))


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["--exclude", "*", "--include", "*.txt"], "-* +*.txt"),
        (["--include=*.txt", "a", "--exclude=*"], "+*.txt -* a"),
        (["--include", "--exclude"], "+--exclude"),
        (["--include="], "+"),
        (["--", "--include", "b"], "--include b"),
    ],
)
def test_the_order_of_both_options_is_that_of_the_command_line(arguments, shown):
    assert CliRunner().invoke(show, arguments).output == f"{shown}\n"


def test_a_missing_pattern_is_reported():
    result = CliRunner().invoke(show, ["--include"])
    assert (result.exit_code, "requires an argument" in result.output) == (2, True)
