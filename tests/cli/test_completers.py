import click

from s3d.cli.completers import complete_access_key, complete_folder
from s3d.cli.session import Session


def context(socket):
    found = click.Context(click.Command("any"))
    found.ensure_object(Session).flags["socket"] = str(socket)
    return found


def test_values_begin_with_what_is_typed(s3d, serving):
    assert s3d("key", "create", "completer-one").code == 0
    assert s3d("key", "create", "other").code == 0
    at, argument = context(serving.places.socket), click.Argument(["name"])
    found = complete_access_key(at, argument, "compl")
    assert [(item.value, item.help) for item in found] == [("completer-one", "s3d")]


def test_without_an_agent_there_is_nothing(tmp_path):
    assert complete_folder(context(tmp_path / "none"), click.Argument(["folder"]), "") == []
