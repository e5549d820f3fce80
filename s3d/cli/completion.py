"""Completion in bash, zsh and fish: the scripts, and what they ask s3d.

A script calls s3d with the command line up to the cursor in COMP_LINE. Each line of the answer is a
type, a value and a description, between tabs. The type is plain, or file and dir for paths of this
machine, which the shell completes itself.
"""

from __future__ import annotations

import os
from typing import Any

import click
from click.shell_completion import CompletionItem, ShellComplete, add_completion_class
from click.shell_completion import split_arg_string as split

SHELLS = ("bash", "zsh", "fish")
_CURSOR = "\x01"

BASH = """\
_s3d_completion() {
    local type value help rest=() path
    COMPREPLY=()
    while IFS=$'\\t' read -r type value help; do
        case $type in
        plain) COMPREPLY+=("$value"); [[ $value == */ ]] || rest+=("$value") ;;
        file | dir)
            compopt -o filenames
            while IFS= read -r path; do COMPREPLY+=("$path"); rest+=("$path"); done < <(
                if [[ $type == dir ]]; then compgen -d -- "$value"; else compgen -f -- "$value"; fi
            ) ;;
        esac
    done < <(COMP_LINE="${COMP_LINE:0:COMP_POINT}" COMP_BREAKS="$COMP_WORDBREAKS" \\
        _S3D_COMPLETE=bash_complete s3d 2> /dev/null)
    compopt -o filenames
    if ((${#rest[@]} == 0)); then compopt -o nospace; fi
}
complete -F _s3d_completion s3d
"""

ZSH = """\
#compdef s3d
_s3d_completion() {
    local -a whole partial
    local type value help files
    while IFS=$'\\t' read -r type value help; do
        case $type in
        plain) if [[ $value == */ ]]; then partial+=("$value"); else whole+=("$value"); fi ;;
        file | dir) files=$type ;;
        esac
    done < <(COMP_LINE="${(j: :)words[1,CURRENT]}" _S3D_COMPLETE=zsh_complete s3d 2> /dev/null)
    (( $#partial )) && compadd -U -V s3d -S '' -a partial
    (( $#whole )) && compadd -U -V s3d -a whole
    [[ $files == dir ]] && _path_files -/
    [[ $files == file ]] && _path_files
    return 0
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    _s3d_completion "$@"
else
    (( $+functions[compdef] )) || { autoload -Uz compinit && compinit -i }
    compdef _s3d_completion s3d
fi
"""

FISH = """\
function __s3d_completion
    set -lx COMP_LINE (commandline -cp | string collect)
    for row in (_S3D_COMPLETE=fish_complete s3d 2> /dev/null)
        set -l part (string split -m 2 \\t -- $row)
        switch $part[1]
            case dir
                __fish_complete_directories $part[2]
            case file
                __fish_complete_path $part[2]
            case plain
                printf '%s\\t%s\\n' $part[2] $part[3]
        end
    end
end
complete --no-files --command s3d --arguments '(__s3d_completion)'
"""

SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH}


class LineComplete(ShellComplete):
    """Completes the line in COMP_LINE."""

    source_template = ""

    def get_completion_args(self) -> tuple[list[str], str]:
        *words, incomplete = split(os.environ.get("COMP_LINE", "") + _CURSOR)
        return words[1:], incomplete.replace(_CURSOR, "")

    def format_completion(self, item: CompletionItem[Any]) -> str:
        text = " ".join((item.help or "").split())
        return f"{item.type}\t{item.value}\t{text}"


class BashComplete(LineComplete):
    """bash replaces only what comes after the last break, such as the colon of s3://."""

    def format_completion(self, item: CompletionItem[Any]) -> str:
        cut = kept_length(os.environ.get("COMP_LINE", ""), os.environ.get("COMP_BREAKS", ""))
        if item.type == "plain":
            item = CompletionItem(item.value[cut:], item.type)
        return super().format_completion(item)


def kept_length(line: str, breaks: str) -> int:
    """How much of the last word of a line bash keeps: up to its last break, without quotes.

    breaks: COMP_WORDBREAKS of bash.
    """
    quote = ""
    length = kept = 0
    characters = iter(line)
    for char in characters:
        if char == "\\" and quote != "'":
            length += bool(next(characters, ""))
        elif quote:
            if char == quote:
                quote = ""
            else:
                length += 1
        elif char in "'\"":
            quote = char
        elif char.isspace():
            length = kept = 0
        else:
            length += 1
            if char in breaks:
                kept = length
    return kept


def register() -> None:
    """Use these classes instead of those of click."""
    for shell in SHELLS:
        add_completion_class(BashComplete if shell == "bash" else LineComplete, shell)


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
def completion_command(shell: str) -> None:
    """Print the script that completes commands, buckets, keys, ids and folders in a shell.

    \b
    Examples:
      eval "$(s3d completion bash)"      # in ~/.bashrc
      eval "$(s3d completion zsh)"       # in ~/.zshrc, after compinit if it is there
      s3d completion fish > ~/.config/fish/completions/s3d.fish
    """
    click.echo(SCRIPTS[shell], nl=False)
