"""s3d man: manual pages, made of the same texts as --help. man(7) describes the format."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click

from s3d import __version__
from s3d.cli.output import report
from s3d.shared.errors import EXIT_CODES, UsageError
from s3d.shared.text import count

_EXAMPLES = re.compile(r"Examples?:")


@click.command("man")
@click.argument("words", metavar="[COMMAND]...", nargs=-1)
@click.option("--write", "folder", type=click.Path(path_type=Path), metavar="DIR",
              help="Write all pages to DIR/man1.")  # fmt: skip
@click.pass_context
def man_command(ctx: click.Context, words: tuple[str, ...], folder: Path | None) -> None:
    """Print the manual page of s3d, or of a command.

    \b
    Examples:
      s3d man cp | man -l -
      s3d man --write ~/.local/share/man && man s3d-cp
    """
    root = ctx.find_root()
    if folder is None:
        click.echo(page(_find(root, words)), nl=False)
        return
    target = folder / "man1"
    target.mkdir(parents=True, exist_ok=True)
    pages = [*_contexts(root)]
    for each in pages:
        (target / f"{_name(each)}.1").write_text(page(each), encoding="utf-8")
    report(f"wrote {count(len(pages), 'page')} to {target}")


def page(context: click.Context) -> str:
    """The manual page of a command, or of a group."""
    command = context.command
    usage = [piece for piece in command.collect_usage_pieces(context) if piece]
    summary, rest, examples = _texts(command)
    lines = [
        f'.TH "{_name(context).upper()}" 1 "" "s3d {__version__}" "s3d"',
        ".SH NAME", f"{_name(context)} \\- {_roff(summary)}",
        ".SH SYNOPSIS", f".B {_roff(context.command_path)}", _roff(" ".join(usage)),
        ".SH DESCRIPTION", _roff(summary), *(f".PP\n{_roff(text)}" for text in rest),
        *_section("OPTIONS", _options(context)),
        *_section("COMMANDS", _commands(context)),
    ]  # fmt: skip
    if examples:
        lines += [".SH EXAMPLES", ".nf", *map(_roff, examples), ".fi"]
    lines += _section("EXIT STATUS", ((str(code), text) for code, text in EXIT_CODES.items()))
    return "\n".join(lines) + "\n"


def _texts(command: click.Command) -> tuple[str, list[str], list[str]]:
    """The first paragraph of the help, the others, and the lines of the examples."""
    paragraphs, examples = [], []
    for text in (command.help or "").replace("\f", "").split("\n\n"):
        raw = text.replace("\b\n", "").replace("\b", "").strip("\n")
        if _EXAMPLES.match(raw.strip()):
            examples = [line.strip() for line in raw.splitlines()[1:]]
        elif raw.strip():
            paragraphs.append(" ".join(raw.split()))
    return (paragraphs or [""])[0], paragraphs[1:], examples


def _options(context: click.Context) -> Iterator[tuple[str, str]]:
    for parameter in context.command.get_params(context):
        if isinstance(parameter, click.Option) and (row := parameter.get_help_record(context)):
            yield row


def _commands(context: click.Context) -> Iterator[tuple[str, str]]:
    for child in _children(context):
        yield child.info_name or "", _texts(child.command)[0]


def _section(title: str, rows: Iterator[tuple[str, str]]) -> list[str]:
    found = [f".TP\n.B {_roff(name)}\n{_roff(text)}" for name, text in rows]
    return [f".SH {title}", *found] if found else []


def _children(context: click.Context) -> Iterator[click.Context]:
    if not isinstance(context.command, click.Group):
        return
    for name in context.command.list_commands(context):
        command = context.command.get_command(context, name)
        if command is not None and not command.hidden:
            yield click.Context(command, parent=context, info_name=name)


def _contexts(context: click.Context) -> Iterator[click.Context]:
    """The context itself, and those of all commands below."""
    yield context
    for child in _children(context):
        yield from _contexts(child)


def _find(root: click.Context, words: tuple[str, ...]) -> click.Context:
    context = root
    for word in words:
        found = [child for child in _children(context) if child.info_name == word]
        if not found:
            raise UsageError("no such command", " ".join(words), "s3d --help")
        context = found[0]
    return context


def _name(context: click.Context) -> str:
    return context.command_path.replace(" ", "-")


def _roff(text: str) -> str:
    """A line as roff prints it: backslashes and a leading dot have a meaning of their own."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("\n", " ")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped
