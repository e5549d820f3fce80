"""s3d tui: the agent on a screen."""

from __future__ import annotations

import click

from s3d.cli.session import Session, pass_session, socket_option


@click.command("tui")
@click.option("--demo", is_flag=True, help="Show a made-up agent; nothing is asked of a real one.")
@click.option("--readonly", is_flag=True, help="Look, and change nothing.")
@click.option("--ascii", "plain", is_flag=True, help="Draw with ASCII signs only.")
@click.option("--no-color", is_flag=True, help="The terminal's own colours, as NO_COLOR says.")
@click.option("--no-mouse", is_flag=True, help="Leave the mouse to the terminal.")
@click.option("--fps", type=click.IntRange(1, 30), default=10, show_default=True,
              help="Drawings a second, at most: fewer over a slow line.")  # fmt: skip
@click.option("--keys", is_flag=True, help="Print all keys, and by which names tui.toml has them.")
@socket_option
@pass_session
def tui_command(
    session: Session, /, *, demo: bool, readonly: bool, plain: bool, no_color: bool,
    no_mouse: bool, fps: int, keys: bool,
) -> None:  # fmt: skip
    """Watch and steer the agent in the terminal: buckets, transfers, cache, sync folders, log.

    An agent on another machine is reached through a forwarded socket.

    \b
    Examples:
      s3d tui
      s3d tui --demo
      ssh -N -L /tmp/a.sock:$XDG_RUNTIME_DIR/s3d/agent.sock HOST & s3d tui --socket /tmp/a.sock
    """
    from s3d.tui.launch import print_keys, run

    if keys:
        print_keys()
        return
    places = session.load()[1]
    run(
        places.socket,
        config_dir=places.config_dir,
        is_here="socket" not in session.flags,
        demo=demo,
        readonly=readonly,
        ascii=plain,
        color=not no_color,
        mouse=not no_mouse,
        fps=fps,
    )
