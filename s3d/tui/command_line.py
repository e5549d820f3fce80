"""Commands of s3d that can be typed in the app behind a colon: the words are those of the CLI."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Sequence

from msgspec.structs import replace

from s3d.shared.caching import CachePlace
from s3d.shared.transfers import TransferRequest
from s3d.tui.cli_equivalent import command
from s3d.tui.control_paths import bucket_path
from s3d.tui.host import Host
from s3d.tui.places import PrefixName, parse_place
from s3d.tui.screens.mounts_screen import MountsScreen, absolute, unmount

SCHEME = "s3://"
USAGES = {
    "ls": "ls [BUCKET/PREFIX]",
    "cp": "cp [-r] SOURCE TARGET",
    "mv": "mv [-r] SOURCE TARGET",
    "rm": "rm [-r] BUCKET/KEY",
    "mb": "mb BUCKET",
    "rb": "rb BUCKET",
    "pin": "pin BUCKET/PREFIX",
    "unpin": "unpin BUCKET/PREFIX",
    "prefetch": "prefetch BUCKET/PREFIX",
    "cache evict": "cache evict BUCKET/PREFIX",
    "queue pause": "queue pause",
    "queue resume": "queue resume",
    "queue retry": "queue retry",
    "presign": "presign BUCKET/KEY",
    "mount ls": "mount ls",
    "umount": "umount DIR",
    "status": "status",
    "transfers": "transfers",
    "cache": "cache",
    "sync": "sync",
    "logs": "logs",
}
"""Verb -> how it is written."""
_TABS = {"status": "dashboard", "transfers": "transfers", "cache": "cache", "sync": "sync",
         "logs": "logs"}  # fmt: skip


class CommandRefused(ValueError):
    """str(): what is wrong with a command, and how it is written."""


def parse(text: str) -> tuple[str, list[str], bool]:
    """The verb, its arguments, and whether -r is there. Raises CommandRefused."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise CommandRefused(f"{text}: {error}") from error
    if words[:1] == ["s3d"]:
        del words[0]
    for size in (2, 1):
        verb = " ".join(words[:size])
        if verb in USAGES and len(words) >= size:
            return _checked(verb, words[size:])
    raise CommandRefused(f"there is no command {text}; these are: {', '.join(USAGES)}")


def _checked(verb: str, arguments: list[str]) -> tuple[str, list[str], bool]:
    is_recursive = "-r" in arguments
    rest = [each for each in arguments if each != "-r"]
    usage = USAGES[verb][len(verb) :].split()
    most = sum(each.strip("[]") != "-r" for each in usage)
    least = sum(not each.startswith("[") for each in usage)
    takes_r = "[-r]" in usage
    if not least <= len(rest) <= most or (is_recursive and not takes_r):
        raise CommandRefused(f"write it as: {USAGES[verb]}")
    return verb, rest, is_recursive


class CommandLine:
    """go_to: opens the level that a text names."""

    def __init__(self, host: Host, *, go_to: Callable[[str], None]) -> None:
        self._host, self._go_to = host, go_to

    def run(self, text: str) -> None:
        """Do what a command says. Raises CommandRefused."""
        verb, words, is_recursive = parse(text)
        if verb in _TABS:
            self._host.main.show_tab(_TABS[verb])
        elif verb == "ls":
            self._go_to(words[0] if words else "")
        elif verb == "mount ls":
            self._host.push_screen(MountsScreen())
        elif self._host.actions.may_write():
            self._write(verb, words, is_recursive=is_recursive)

    def _write(self, verb: str, words: list[str], *, is_recursive: bool) -> None:
        actions = self._host.actions
        if verb.startswith("queue"):
            is_retry = verb == "queue retry"
            actions.retry_queue() if is_retry else actions.change_queue(verb.split()[1])
        elif verb == "umount":
            unmount(self._host, absolute(words[0]))
        elif verb in ("cp", "mv"):
            self._copy(verb, words, is_recursive=is_recursive)
        elif verb in ("mb", "rb"):
            self._change_bucket(verb, words[0])
        else:
            self._change_object(verb, parse_place(words[0]), is_recursive=is_recursive)

    def _change_bucket(self, verb: str, bucket: str) -> None:
        method, done = ("PUT", "created") if verb == "mb" else ("DELETE", "removed")

        def send() -> None:
            self._host.actions.send(
                method,
                bucket_path(bucket),
                f"{done} bucket {bucket}",
                command=command(verb, bucket),
            )

        if verb == "mb":
            send()
        else:
            self._host.prompts.confirm(f"Remove the bucket {bucket}? It has to be empty.", send)

    def _change_object(self, verb: str, place: PrefixName, *, is_recursive: bool) -> None:
        bucket, key = place
        is_prefix = not key or key.endswith("/")
        if verb == "presign":
            self._host.actions.presign(bucket, key)
        elif verb == "rm":
            if is_prefix and not is_recursive:
                raise CommandRefused(f"{bucket}/{key} is a prefix: rm -r deletes all below it")
            self._remove(bucket, key, is_prefix=is_recursive)
        else:
            cached = CachePlace(bucket, prefix=key) if is_prefix else CachePlace(bucket, key)
            self._host.actions.change_cache(verb.split()[-1], cached)

    def _remove(self, bucket: str, key: str, *, is_prefix: bool) -> None:
        names = ([], [key]) if is_prefix else ([key], [])
        request = TransferRequest("delete", bucket, *names)
        words = ["rm", "-r" if is_prefix else "", f"{bucket}/{key}"]
        question = f"Delete {'all below ' if is_prefix else ''}{bucket}/{key}?"
        self._host.prompts.confirm(
            question, lambda: self._start(request, words), bucket if is_prefix else ""
        )

    def _copy(self, verb: str, words: list[str], *, is_recursive: bool) -> None:
        request = copy_request(verb, *words, is_recursive=is_recursive)
        self._start(request, [verb, "-r" if is_recursive else "", *words])

    def _start(self, request: TransferRequest, words: Sequence[str]) -> None:
        done = f"{request.kind}: started, see 3 Transfers"
        self._host.actions.send("POST", "/v1/transfers", done, request, command=command(*words))


def copy_request(verb: str, source: str, target: str, *, is_recursive: bool) -> TransferRequest:
    """cp or mv between s3:// places, or one of them and a local path, by the rules of the CLI.

    Raises CommandRefused.
    """
    is_move = verb == "mv"
    if not source.startswith(SCHEME):
        if not target.startswith(SCHEME):
            raise CommandRefused("SOURCE or TARGET is s3://BUCKET/KEY")
        return _upload(source, parse_place(target), is_move=is_move, is_recursive=is_recursive)
    bucket, key = parse_place(source)
    if is_recursive:
        base = _folder(key)
        request = TransferRequest("", bucket, prefixes=[base], base=base)
    elif not key or key.endswith("/"):
        raise CommandRefused(f"{source} is a prefix: add -r to include all its objects")
    else:
        request = TransferRequest("", bucket, [key], base=key[: key.rfind("/") + 1])
    if not target.startswith(SCHEME):
        return _download(request, target, is_move=is_move)
    to_bucket, to_key = parse_place(target)
    kind = "move" if is_move else "copy"
    if is_recursive or not to_key or to_key.endswith("/"):
        return replace(request, kind=kind, to_bucket=to_bucket, to_prefix=_folder(to_key))
    return replace(request, kind=kind, to_bucket=to_bucket, as_key=to_key)


def _upload(source: str, to: PrefixName, *, is_move: bool, is_recursive: bool) -> TransferRequest:
    path = os.path.abspath(os.path.expanduser(source))
    bucket, key = to
    request = TransferRequest("upload", bucket, paths=[path], delete_source=is_move, links="follow")
    if os.path.isdir(path):
        if not is_recursive:
            raise CommandRefused(f"{source} is a folder: add -r to include its contents")
        return replace(request, base=f"{os.path.basename(path)}/", to_prefix=_folder(key))
    if is_recursive or not key or key.endswith("/"):
        return replace(request, to_prefix=_folder(key))
    return replace(request, as_key=key)


def _download(request: TransferRequest, target: str, *, is_move: bool) -> TransferRequest:
    path = os.path.abspath(os.path.expanduser(target))
    request = replace(request, kind="download", delete_source=is_move)
    if request.prefixes or target.endswith("/") or os.path.isdir(path):
        return replace(request, to_path=path)
    folder, name = os.path.split(path)
    return replace(request, to_path=folder, as_key=name)


def _folder(key: str) -> str:
    """A key as the prefix of all that is below it."""
    return key if not key or key.endswith("/") else f"{key}/"
