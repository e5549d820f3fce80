"""What is done with objects: each asks what it has to know, and then the agent."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import msgspec

from s3d.shared.caching import CachePlace, PrefetchRequest
from s3d.shared.control import ObjectInfo, TagChanges
from s3d.shared.text import count, safe, size
from s3d.shared.transfers import TransferRequest
from s3d.tui import local
from s3d.tui.cli_equivalent import command, place
from s3d.tui.copies import copies
from s3d.tui.places import bucket_path
from s3d.tui.screens.dialogs import Choice
from s3d.tui.screens.form_screen import Field
from s3d.tui.screens.versions_screen import VersionsScreen
from s3d.tui.screens.viewer_screen import ViewerScreen
from s3d.tui.tagtext import changes, parse_tags

if TYPE_CHECKING:
    from s3d.tui.app import S3dApp
    from s3d.tui.panes.buckets_pane import BucketsPane

EXISTING = ("skip", "replace")
SURE = 100
"""Objects above which a deletion has to be confirmed by writing a name."""
PENDING = ("pending", "held", "failed")
"""How a key is that the remote does not have."""
AT_A_TIME = 200
"""Keys of one request."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """What an action is about: the marked rows, or the one under the cursor."""

    bucket: str
    base: str
    objects: list[ObjectInfo]
    prefixes: list[str]

    @property
    def keys(self) -> list[str]:
        return [info.key for info in self.objects]

    def __str__(self) -> str:
        """With number and bytes; what is below a prefix is not known yet."""
        if len(self.objects) == 1 and not self.prefixes:
            return f"{self.objects[0].key}, {size(self.objects[0].size)}"
        parts = []
        if self.objects:
            total = size(sum(info.size for info in self.objects))
            parts.append(f"{count(len(self.objects), 'object')}, {total}")
        if self.prefixes:
            names = ", ".join(self.prefixes[:3]) + (", ..." if len(self.prefixes) > 3 else "")
            parts.append(f"all below {names}")
        return " and ".join(parts)


class ObjectActions:
    """Of the pane."""

    def __init__(self, pane: BucketsPane) -> None:
        self._pane = pane

    @property
    def _host(self) -> S3dApp:
        return self._pane.host

    def chosen(self) -> Chosen | None:
        """None, after a word, when there is nothing."""
        level = self._pane.level
        ids = [id for id in self._pane.table.chosen() if id != ".."]
        if not level.bucket or not ids:
            self._host.say("no object is under the cursor")
            return None
        found = [level.info(id) for id in ids]
        objects = [info for info in found if info is not None]
        prefixes = [id for id, info in zip(ids, found, strict=True) if info is None]
        return Chosen(level.bucket, level.prefix, objects, prefixes)

    def view(self) -> None:
        """The beginning of the object, as what it is."""
        info = self._pane.info
        if info is None:
            self._host.say("only an object can be looked at")
            return
        self._host.push_screen(ViewerScreen(info))

    def download(self) -> None:
        chosen = self.chosen()
        if chosen is None or not self._host.may_write():
            return
        fields = [
            Field("folder", "Into", "~/Downloads", local.check_folder, hint="made when missing"),
            Field("existing", "What exists", "skip", options=EXISTING),
        ]

        def go(found: dict[str, str]) -> None:
            request = TransferRequest(
                "download", chosen.bucket, chosen.keys, chosen.prefixes, base=chosen.base,
                to_path=self._path(found["folder"]), existing=found["existing"],
            )  # fmt: skip
            sources = [f"s3://{place(chosen.bucket, key)}" for key in _all(chosen)]
            self._start(request, "downloads", _cp(sources, found["folder"], found["existing"]))

        self._host.form("Download", fields, go, about=str(chosen), verb="downloads")

    def upload(self) -> None:
        level = self._pane.level
        if not self._host.may_write():
            return
        if not level.bucket:
            self._host.say("enter a bucket first, or make one: n")
            return
        check = local.check_source if self._host.is_here else local.no_check
        fields = [
            Field("path", "File or folder", "~/", check, hint="right arrow completes"),
            Field("prefix", "To", level.prefix, hint=f"below s3://{level.bucket}/"),
            Field("existing", "What exists", "replace", options=EXISTING[::-1]),
        ]

        def go(found: dict[str, str]) -> None:
            request = TransferRequest(
                "upload", level.bucket, paths=[self._path(found["path"])],
                to_prefix=found["prefix"], existing=found["existing"],
            )  # fmt: skip
            path, target = found["path"], f"s3://{place(level.bucket, found['prefix'])}"
            if os.path.isdir(os.path.expanduser(path)):  # which cp takes what is in it of
                path = path.rstrip("/") + "/"
                target = f"{target.rstrip('/')}/{os.path.basename(path[:-1])}/"
            self._start(request, "uploads", _cp([path], target, found["existing"]))

        self._host.form("Upload", fields, go, verb="uploads", completes="path")

    def _path(self, text: str) -> str:
        """With our home folder for ~, when the agent is on this machine."""
        return os.path.expanduser(text) if self._host.is_here else text

    def move(self) -> None:
        """Copy, move, or rename one."""
        chosen = self.chosen()
        if chosen is None or not self._host.may_write():
            return
        choices = [Choice("c", "copy to another place", "copy"), Choice("m", "move there", "move")]
        if len(chosen.objects) == 1 and not chosen.prefixes:
            choices.append(Choice("r", "rename", "rename"))
        self._host.menu(str(chosen), choices, lambda what: self._move(chosen, what))

    def _move(self, chosen: Chosen, what: str) -> None:
        if what == "rename":
            key = chosen.keys[0]
            fields = [Field("key", "New key", key, _key_check(key))]
            title = f"Rename {key}"
        else:
            start = f"s3://{place(chosen.bucket, chosen.base)}"
            fields = [
                Field("to", "To", start, _target_check(start), hint="s3://BUCKET/PREFIX"),
                Field("existing", "What exists", "skip", options=EXISTING),
            ]
            title = f"{what.title()} {chosen}"

        def go(found: dict[str, str]) -> None:
            if what == "rename":
                request = TransferRequest("move", chosen.bucket, chosen.keys,
                                          to_bucket=chosen.bucket, as_key=found["key"])  # fmt: skip
                names = [f"s3://{place(chosen.bucket, key)}" for key in (key, found["key"])]
                self._start(request, "renamed", command("mv", *names))
                return
            bucket, _, prefix = found["to"].removeprefix("s3://").partition("/")
            request = TransferRequest(
                what, chosen.bucket, chosen.keys, chosen.prefixes, base=chosen.base,
                to_bucket=bucket, to_prefix=prefix, existing=found["existing"],
            )  # fmt: skip
            sources = [f"s3://{place(chosen.bucket, key)}" for key in _all(chosen)]
            verb = "mv" if what == "move" else "cp"
            self._start(request, what, _cp(sources, found["to"], found["existing"], verb))

        self._host.form(title, fields, go, verb="does it")

    def _start(self, request: TransferRequest, what: str, said: str) -> None:
        """A transfer for each; very many in several requests."""
        parts = [request]
        if len(request.keys) > AT_A_TIME:
            keys, rest = request.keys, request.prefixes
            parts = [
                msgspec.structs.replace(
                    request, keys=keys[n : n + AT_A_TIME], prefixes=rest if n == 0 else []
                )
                for n in range(0, len(keys), AT_A_TIME)
            ]
        for part in parts:
            told = f"{what}: on the way, see 3 Transfers"
            self._host.act("POST", "/v1/transfers", told, part, command=said)
        self._pane.table.unmark()

    def new(self) -> None:
        """A bucket in the list of buckets; a prefix anywhere else."""
        level = self._pane.level
        if not self._host.may_write():
            return
        if level.bucket:
            fields = [Field("name", "Prefix", "", hint="it is there once something is put into it")]
            self._host.form(
                f"New prefix below {level.name}", fields,
                lambda found: self._pane.enter(
                    (level.bucket, level.prefix + found["name"].strip("/") + "/")
                ),
                verb="enters it",
            )  # fmt: skip
            return

        def go(found: dict[str, str]) -> None:
            name = found["name"]
            self._host.act("PUT", bucket_path(name), f"made bucket {name}",
                           command=command("mb", name))  # fmt: skip

        fields = [Field("name", "Name", "", _bucket_check, hint="3 to 63 of a-z, 0-9, . and -")]
        self._host.form("New bucket", fields, go, verb="makes it")

    def delete(self) -> None:
        level = self._pane.level
        if not self._host.may_write():
            return
        if not level.bucket:
            self._delete_bucket()
            return
        chosen = self.chosen()
        if chosen is None:
            return
        if not chosen.prefixes:
            self._confirm_delete(chosen, str(chosen), len(chosen.objects))
            return
        self._host.count_below(
            chosen.bucket, chosen.prefixes,
            lambda files, bytes, is_all: self._confirm_delete(
                chosen,
                f"{'' if is_all else 'more than '}{count(files + len(chosen.objects), 'object')}, "
                f"{size(bytes + sum(info.size for info in chosen.objects))}: {chosen}",
                SURE + 1,
            ),
        )  # fmt: skip

    def _confirm_delete(self, chosen: Chosen, what: str, number: int) -> None:
        def go() -> None:
            request = TransferRequest("delete", chosen.bucket, chosen.keys, chosen.prefixes)
            names = [f"s3://{place(chosen.bucket, key)}" for key in _all(chosen)]
            flag = "-r" if chosen.prefixes else ""
            self._start(request, "deletes", command("rm", flag, *names[:3]))

        typed = chosen.bucket if number > SURE else ""
        self._host.confirm(f"Delete {what} from {chosen.bucket}?", go, typed)

    def _delete_bucket(self) -> None:
        name = self._pane.current
        if not name:
            return
        self._host.confirm(
            f"Remove the bucket {name}? It has to be empty.",
            lambda: self._host.act(
                "DELETE", bucket_path(name), f"removed bucket {name}", command=command("rb", name)
            ),
        )

    def tags(self) -> None:
        """Edit the tags of the object, or of the bucket."""
        level, info = self._pane.level, self._pane.info
        bucket = level.bucket or self._pane.current
        key = info.key if info is not None else ""
        if not bucket or (level.bucket and not key):
            self._host.say("only objects and buckets have tags")
            return
        if not self._host.may_write():
            return
        path = f"{bucket_path(bucket)}/tags" + (f"?{urlencode({'key': key})}" if key else "")

        def edit(before: dict[str, str]) -> None:
            text = "\n".join(f"{name}={value}" for name, value in before.items())
            fields = [Field("tags", "Tags", text, _tag_check, lines=6, hint="NAME=VALUE a line")]

            def go(found: dict[str, str]) -> None:
                changed, gone = changes(before, parse_tags(found["tags"]))
                if not changed and not gone:
                    self._host.say("nothing is changed")
                    return
                words = [f"--tag={name}={value}" for name, value in changed.items()]
                words += [f"--untag={name}" for name in gone]
                said = command("set", place(bucket, key), *words)
                self._host.act("PATCH", path, "tags changed", TagChanges(changed, gone),
                               command=said, then=self._pane._inspect)  # fmt: skip

            self._host.form(f"Tags of {place(bucket, key)}", fields, go, verb="saves")

        self._host.with_tags(path, edit)

    def versions(self) -> None:
        info = self._pane.info
        if info is None:
            self._host.say("only an object has versions")
            return
        self._host.push_screen(VersionsScreen(info), lambda _: self._pane._inspect())

    def copy_menu(self) -> None:
        """Something of the object for the clipboard."""
        level = self._pane.level
        bucket, key = level.bucket or self._pane.current, self._pane.current if level.bucket else ""
        if not bucket:
            self._host.say("nothing is under the cursor")
            return
        info = self._pane.info
        found = copies(bucket, key, info.etag if info is not None else "", self._host.endpoint)
        choices = [Choice(letter, safe(label), letter) for letter, label, _ in found]
        if info is not None:
            choices.append(Choice("p", "a link that works without credentials", "p"))

        def go(letter: str) -> None:
            if letter == "p":
                self._host.presign(bucket, key)
                return
            text = next(text for each, _, text in found if each == letter)
            self._host.copy(text)

        self._host.menu("Copy", choices, go)

    def cache(self, verb: str) -> None:
        """pin, prefetch or evict what is chosen."""
        level = self._pane.level
        if not self._host.may_write():
            return
        if level.bucket:
            chosen = self.chosen()
            if chosen is None:
                return
            pending = [key for key in chosen.keys if level.standing.get(key) in PENDING]
            if verb == "evict" and pending:
                self._host.say(f"{pending[0]} waits for the remote: it cannot be evicted",
                               is_bad=True)  # fmt: skip
                return
            places = [CachePlace(chosen.bucket, key) for key in chosen.keys]
            places += [CachePlace(chosen.bucket, prefix=prefix) for prefix in chosen.prefixes]
        elif self._pane.current:
            places = [CachePlace(self._pane.current)]
        else:
            return
        for where in places:
            self._host.act_on_cache(verb, where)
        self._pane.table.unmark()


def prefetch_of(where: CachePlace) -> PrefetchRequest:
    """A prefetch goes by prefix: a key is one, too."""
    return PrefetchRequest(where.bucket, where.key or where.prefix)


def _all(chosen: Chosen) -> list[str]:
    return [*chosen.prefixes, *chosen.keys]


def _cp(sources: list[str], target: str, existing: str, verb: str = "cp") -> str:
    """A few of the sources: it is to be read."""
    recursive = "-r" if any(source.endswith("/") for source in sources) else ""
    skip = "--skip-existing" if existing == "skip" else ""
    shown = sources[:3] + (["..."] if len(sources) > 3 else [])
    return command(verb, recursive, skip, *shown, target)


def _key_check(before: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        if not text:
            return "a key is needed"
        if len(text.encode("utf-8", "surrogateescape")) > 1024:
            return "a key has at most 1,024 bytes"
        return "that is its key already" if text == before else ""

    return check


def _target_check(before: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        bucket, _, prefix = text.removeprefix("s3://").partition("/")
        if _bucket_check(bucket):
            return f"bucket: {_bucket_check(bucket)}"
        if prefix and not prefix.endswith("/"):
            return "a prefix ends with /"
        return "that is where it is" if text.rstrip("/") == before.rstrip("/") else ""

    return check


def _bucket_check(name: str) -> str:
    is_right = 3 <= len(name) <= 63 and all(
        c.isdigit() or "a" <= c <= "z" or c in ".-" for c in name
    )
    return "" if is_right and name.isascii() else "3 to 63 of a-z, 0-9, . and -"


def _tag_check(text: str) -> str:
    try:
        parse_tags(text)
    except ValueError as error:
        return str(error)
    return ""
