"""s3d tui: the agent on a screen."""

from __future__ import annotations

import click

from s3d.cli.session import Session, pass_session, socket_option


@click.command("tui")
@click.option("--demo", is_flag=True, help="Show a made-up agent; nothing is asked of a real one.")
@click.option("--readonly", is_flag=True, help="Look, and change nothing.")
@click.option("--ascii", "plain", is_flag=True, help="Draw with ASCII signs only.")
@click.option("--no-color", is_flag=True, help="Without colours, as NO_COLOR says.")
@click.option("--no-mouse", is_flag=True, help="Leave the mouse to the terminal.")
@socket_option
@pass_session
def tui_command(
    session: Session, /, *, demo: bool, readonly: bool, plain: bool, no_color: bool, no_mouse: bool
) -> None:
    """Watch and steer the agent in the terminal: buckets, transfers, cache, sync folders, log.

    \b
    Examples:
      s3d tui
      s3d tui --demo
    """
    from s3d.tui.run import run

    run(
        session.load()[1].socket,
        demo=demo,
        readonly=readonly,
        ascii=plain,
        color=not no_color,
        mouse=not no_mouse,
    )
