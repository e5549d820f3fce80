"""s3d completion: click's completion script of a shell."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

SHELLS = ("bash", "zsh", "fish")


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion_command(ctx: click.Context, shell: str) -> None:
    """Print the script that completes s3d's commands, buckets and keys.

    \b
    Examples:
      eval "$(s3d completion bash)"      # in ~/.bashrc
      eval "$(s3d completion zsh)"       # in ~/.zshrc
      s3d completion fish > ~/.config/fish/completions/s3d.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None, "click knows the shells of SHELLS"
    click.echo(kind(ctx.find_root().command, {}, "s3d", "_S3D_COMPLETE").source())
