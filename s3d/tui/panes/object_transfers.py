"""Downloads, uploads, copies and moves of the buckets pane.

Each asks the user for what it has to know, and then starts transfers in the agent.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import msgspec

from s3d.shared.transfers import TransferRequest
from s3d.tui import field_checks
from s3d.tui.cli_equivalent import (
    command,
    copy_command,
    object_uri,
    upload_command,
)
from s3d.tui.field_completion import PathSuggester, PlaceSuggester, PrefixSuggester
from s3d.tui.host import Host
from s3d.tui.panes.listing_table import ListingTable
from s3d.tui.panes.object_selection import Selection
from s3d.tui.places import parse_place
from s3d.tui.screens.dialogs import Choice
from s3d.tui.screens.form_screen import Field
from s3d.tui.tabs import key_of

EXISTING = ("skip", "replace")
"""How to treat an existing target."""
MAX_KEYS = 200
"""Keys of one request."""


class ObjectTransfers:
    """The table is that of the buckets pane; its marks are removed when transfers start."""

    def __init__(self, host: Host, table: ListingTable) -> None:
        self._host, self._table = host, table

    def download(self, chosen: Selection) -> None:
        fields = [
            Field("folder", "Into", "~/Downloads", field_checks.check_folder,
                  hint="created if missing; right arrow completes", completion=PathSuggester()),
            Field("existing", "If it exists", "skip", options=EXISTING),
        ]  # fmt: skip

        def start(values: dict[str, str]) -> None:
            folder, existing = values["folder"], values["existing"]
            request = TransferRequest(
                "download", chosen.bucket, chosen.keys, chosen.prefixes, base=chosen.base,
                to_path=self._local_path(folder), existing=existing,
            )  # fmt: skip
            target = f"{folder.rstrip('/')}/"  # without a slash, it could be the new name
            self.start(request, "Download", copy_command(_uris(chosen), target, existing))

        self._host.prompts.fill_in("Download", fields, start, details=str(chosen), verb="download")

    def upload(self) -> None:
        """Upload a file or folder of the agent's machine to below the prefix that is shown."""
        listing, is_local = self._table.listing, self._host.agent.is_local
        check = field_checks.check_source if is_local else field_checks.no_check
        fields = [
            Field("path", "File or folder", "~/", check, hint="right arrow completes",
                  completion=PathSuggester() if is_local else None, is_beginning=True),
            Field("prefix", "To", listing.prefix, hint=f"below s3://{listing.bucket}/",
                  completion=PrefixSuggester(self._host.agent, lambda: listing.bucket),
                  is_beginning=True),
            Field("existing", "If it exists", "replace", options=EXISTING[::-1]),
        ]  # fmt: skip

        def start(values: dict[str, str]) -> None:
            path, prefix, existing = values["path"], values["prefix"], values["existing"]
            request = TransferRequest(
                "upload", listing.bucket, paths=[self._local_path(path)], to_prefix=prefix,
                existing=existing, links="note",
            )  # fmt: skip
            self.start(request, "Upload", upload_command(path, listing.bucket, prefix, existing))

        self._host.prompts.fill_in("Upload", fields, start, verb="upload")

    def _local_path(self, text: str) -> str:
        """~ is the home folder of this user, when the agent is on this machine."""
        return os.path.expanduser(text) if self._host.agent.is_local else text

    def copy_or_move(self, chosen: Selection) -> None:
        """Ask what to do: copy, move, or rename a single object."""
        choices = [Choice("c", "copy to another place", "copy"), Choice("m", "move there", "move")]
        if chosen.is_one_object:
            choices.append(Choice("r", "rename", "rename"))

        def go(verb: str) -> None:
            if verb == "rename":
                self._rename(chosen)
            else:
                self._copy_or_move(chosen, verb)

        self._host.prompts.choose(str(chosen), choices, go)

    def _bucket_names(self) -> list[str]:
        return [info.name for info in self._host.state.buckets]

    def _rename(self, chosen: Selection) -> None:
        key = chosen.keys[0]
        fields = [Field("key", "New key", key, field_checks.check_new_key(key), is_beginning=True)]

        def start(values: dict[str, str]) -> None:
            new_key = values["key"]
            request = TransferRequest(
                "move", chosen.bucket, [key], to_bucket=chosen.bucket, as_key=new_key
            )
            uris = [object_uri(chosen.bucket, each) for each in (key, new_key)]
            self.start(request, "Rename", command("mv", *uris))

        self._host.prompts.fill_in(f"Rename {key}", fields, start, verb="go")

    def _copy_or_move(self, chosen: Selection, verb: str) -> None:
        here = object_uri(chosen.bucket, chosen.base)
        fields = [
            Field(
                "to",
                "To",
                here,
                field_checks.check_target(here),
                hint="s3://BUCKET/PREFIX",
                completion=PlaceSuggester(self._host.agent, self._bucket_names),
                is_beginning=True,
            ),
            Field("existing", "If it exists", "skip", options=EXISTING),
        ]

        def start(values: dict[str, str]) -> None:
            target, existing = values["to"], values["existing"]
            bucket, prefix = parse_place(target)
            request = TransferRequest(
                verb, chosen.bucket, chosen.keys, chosen.prefixes, base=chosen.base,
                to_bucket=bucket, to_prefix=prefix, existing=existing,
            )  # fmt: skip
            cli_verb = "mv" if verb == "move" else "cp"
            self.start(
                request, verb.title(), copy_command(_uris(chosen), target, existing, cli_verb)
            )

        self._host.prompts.fill_in(f"{verb.title()} {chosen}", fields, start, verb="go")

    def start(self, request: TransferRequest, what: str, cli: str) -> None:
        """Start the transfers; many keys go in several requests. what: for the report."""
        for part in split_request(request):
            report = f"{what} started, press {key_of('transfers')} for Transfers"
            is_reading = request.kind == "download"  # the agent only reads then
            self._host.actions.send(
                "POST", "/v1/transfers", report, part, command=cli, is_reading=is_reading
            )
        self._table.unmark()


def split_request(request: TransferRequest) -> list[TransferRequest]:
    """Requests of at most MAX_KEYS keys each; the prefixes are in the first."""
    if len(request.keys) <= MAX_KEYS:
        return [request]
    replace: Callable[..., TransferRequest] = msgspec.structs.replace
    return [
        replace(
            request,
            keys=request.keys[start : start + MAX_KEYS],
            prefixes=request.prefixes if start == 0 else [],
        )
        for start in range(0, len(request.keys), MAX_KEYS)
    ]


def _uris(chosen: Selection) -> list[str]:
    return [object_uri(chosen.bucket, name) for name in chosen.names]
