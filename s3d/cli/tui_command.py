"""s3d tui: the terminal app."""

from __future__ import annotations

import gc

import click

from s3d.cli.session import Session, pass_session, socket_option


@click.command("tui")
@click.option("--demo", is_flag=True, help="Show sample data, without an agent.")
@click.option("--readonly", is_flag=True, help="Allow no changes.")
@click.option("--ascii", "plain", is_flag=True, help="Draw with ASCII characters only.")
@click.option("--no-color", is_flag=True, help="Use the terminal's own colours, as with NO_COLOR.")
@click.option("--no-mouse", is_flag=True, help="Do not capture the mouse.")
@click.option("--fps", type=click.IntRange(1, 30), default=10, show_default=True,
              help="Maximum number of screen updates per second.")  # fmt: skip
@click.option("--keys", is_flag=True, help="Print all keys with their names for tui.toml.")
@socket_option
@pass_session
def tui_command(
    session: Session, /, *, demo: bool, readonly: bool, plain: bool, no_color: bool,
    no_mouse: bool, fps: int, keys: bool,
) -> None:  # fmt: skip
    """Show and control the agent in the terminal: buckets, transfers, cache, sync folders, log.

    To use an agent on another machine, forward its socket with ssh.

    \b
    Examples:
      s3d tui
      s3d tui --demo
      ssh -N -L /tmp/a.sock:$XDG_RUNTIME_DIR/s3d/agent.sock HOST & s3d tui --socket /tmp/a.sock
    """
    # What the start makes stays, so looking for garbage would only take time. ProcessApp begins to.
    gc.disable()
    from s3d.tui.launch import print_keys, run

    if keys:
        print_keys()
        return
    places = session.load()[1]
    run(
        places.socket,
        config_dir=places.config_dir,
        is_local="socket" not in session.flags,
        demo=demo,
        readonly=readonly,
        ascii=plain,
        color=not no_color,
        mouse=not no_mouse,
        fps=fps,
    )
