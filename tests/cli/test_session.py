import click
import pytest
from click.testing import CliRunner

from s3d.cli.main import cli
from s3d.cli.session import Session, json_option, pass_session, socket_option
from s3d.shared.errors import UsageError


@pytest.mark.parametrize(
    "arguments",
    [
        ["--socket", "/s", "probe"],
        ["probe", "--socket", "/s"],
        ["--socket", "/x", "probe", "--socket", "/s"],
    ],
)
def test_the_socket_may_stand_before_and_after_the_command(arguments):
    seen = []

    @click.group()
    @socket_option
    @click.pass_context
    def group(ctx: click.Context) -> None:
        ctx.ensure_object(Session)

    @group.command()
    @socket_option
    @json_option
    @pass_session
    def probe(session: Session, /, *, as_json: bool) -> None:
        seen.append((session.flags, as_json))

    assert CliRunner().invoke(group, arguments).exit_code == 0
    assert seen == [({"socket": "/s"}, False)]


def test_the_flag_beats_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("S3D_LOCAL_DIR", str(tmp_path))
    monkeypatch.setenv("S3D_SOCKET", "/env.sock")
    session = Session()
    assert str(session.load()[1].socket) == "/env.sock"
    session.flags["socket"] = "/flag.sock"
    assert str(session.load()[1].socket) == "/flag.sock"


def test_a_wrong_configuration_stops_every_command(monkeypatch, tmp_path):
    monkeypatch.setenv("S3D_LOCAL_DIR", str(tmp_path))
    monkeypatch.setenv("S3D_ENDPONT", "x")
    with pytest.raises(UsageError, match="S3D_ENDPOINT"):
        Session().client()


def test_the_group_has_the_option_too():
    assert "--socket" in CliRunner().invoke(cli, ["--help"]).output
