"""What the keys of the buckets pane do with buckets and objects."""

from __future__ import annotations

from collections.abc import Callable

from s3d.shared.caching import CachePlace
from s3d.shared.control import TagChanges
from s3d.shared.text import safe
from s3d.tui.cli_equivalent import command, object_name, tag_command
from s3d.tui.control_paths import bucket_path, tags_path
from s3d.tui.field_checks import check_bucket, check_tags, parse_tags, tag_changes
from s3d.tui.host import Host
from s3d.tui.panes.deleted_rows import restore
from s3d.tui.panes.listing_table import ListingTable
from s3d.tui.panes.object_deletion import ObjectDeletion
from s3d.tui.panes.object_offers import Situation, refusal
from s3d.tui.panes.object_selection import (
    Selection,
    Target,
    has_selection,
    selection_of,
    target_of,
    target_of_place,
)
from s3d.tui.panes.object_transfers import ObjectTransfers
from s3d.tui.places import HOME, PrefixName, clipboard_choices
from s3d.tui.screens.dialogs import Choice
from s3d.tui.screens.form_screen import Field
from s3d.tui.screens.properties_screen import PropertiesScreen
from s3d.tui.screens.sizes_screen import SizesScreen
from s3d.tui.screens.versions_screen import VersionsScreen
from s3d.tui.screens.viewer_screen import ViewerScreen

NOT_AT_REMOTE = ("pending", "held", "failed")
"""States of a key whose latest write the remote does not have."""


class ObjectActions:
    """open_place: shows another prefix. inspect: reads the details under the cursor again.

    tree_place: the place under the cursor of the tree while that has the focus, else None.
    """

    def __init__(
        self,
        host: Host,
        table: ListingTable,
        *,
        open_place: Callable[[PrefixName], None],
        inspect: Callable[[], None],
        preview: Callable[[], None],
        tree_place: Callable[[], PrefixName | None],
    ) -> None:
        self._host, self._table = host, table
        self._open_place, self._inspect, self._preview = open_place, inspect, preview
        self._tree_place = tree_place
        self._transfers = ObjectTransfers(host, table)
        self._deletion = ObjectDeletion(host, self._transfers)

    def run(self, name: str) -> None:
        """Run the action of a key by its name."""
        reading: dict[str, Callable[[], None]] = {
            "view": self.view, "versions": self._show_versions, "copy": self._choose_copy,
            "preview": self._preview,
            "sizes": self._show_sizes, "properties": self._show_properties,
            "sort": self._table.choose_order, "deleted": self._table.toggle_deleted,
            "download": lambda: self._with_selection(self._transfers.download),
        }  # fmt: skip
        writing: dict[str, Callable[[], None]] = {
            "upload": self._transfers.upload,
            "move": lambda: self._with_selection(self._transfers.copy_or_move),
            "delete": self._delete, "new": self._create, "tags": self._edit_tags,
            "restore": self._restore, "pin": lambda: self._change_cache("pin"),
            "prefetch": lambda: self._change_cache("prefetch"),
            "evict": lambda: self._change_cache("evict"),
        }  # fmt: skip
        if name in reading:
            reading[name]()
        elif self._host.actions.may_write():
            writing[name]()

    def refusal(self, name: str) -> str:
        """Why an action is not possible now; empty when it is possible."""
        target, table = self._target, self._table
        is_selected = bool(target.key) if self._is_in_tree else has_selection(table)
        shows_deleted = table.deleted is not None
        return refusal(name, Situation(target, table.listing.bucket, is_selected, shows_deleted))

    def _with_selection(self, act: Callable[[Selection], None]) -> None:
        chosen = self._target.as_selection() if self._is_in_tree else selection_of(self._table)
        if chosen is not None:
            act(chosen)

    @property
    def _is_in_tree(self) -> bool:
        return self._tree_place() is not None

    @property
    def _target(self) -> Target:
        place = self._tree_place()
        return target_of(self._table) if place is None else target_of_place(place)

    def view(self) -> None:
        """Show the beginning of the object."""
        info = self._target.info
        if info is not None:
            self._host.push_screen(ViewerScreen(info))

    def _show_versions(self) -> None:
        info = self._target.info
        if info is not None:
            self._host.push_screen(VersionsScreen(info), lambda _: self._inspect())

    def _show_sizes(self) -> None:
        """How much is below the prefix that is shown, or in the bucket under the cursor."""
        listing = self._table.listing
        place = listing.place if listing.bucket else (self._table.current_id, "")

        def closed(chosen: PrefixName | None) -> None:
            if chosen is not None:
                self._open_place(chosen)

        self._host.push_screen(SizesScreen(place), closed)

    def _show_properties(self) -> None:
        bucket = self._table.listing.bucket or self._table.current_id
        self._host.push_screen(PropertiesScreen(bucket), lambda _: self._inspect())

    def _choose_copy(self) -> None:
        """Copy the key, a URI, a link, or something else of the object to the clipboard."""
        target = self._target
        bucket, key, info = target.bucket, target.key, target.info
        etag = info.etag if info is not None else ""
        texts = {
            each.letter: each
            for each in clipboard_choices(bucket, key, etag, self._host.state.endpoint)
        }
        choices = [Choice(letter, safe(each.label), letter) for letter, each in texts.items()]
        if info is not None:
            choices.append(Choice("p", "a link that works without credentials", "p"))

        def copy(letter: str) -> None:
            if letter == "p":
                self._host.actions.presign(bucket, key)
            else:
                self._host.messages.copy(texts[letter].text)

        self._host.prompts.choose("Copy", choices, copy)

    def _restore(self) -> None:
        """Restore the deleted objects that are marked, or the one under the cursor."""
        deleted = self._table.deleted
        chosen = deleted.below(self._table.chosen()) if deleted is not None else []
        self._table.unmark()
        restore(self._host, self._table.listing.bucket, chosen)

    def _create(self) -> None:
        """Create a bucket in the list of buckets; anywhere else enter a prefix that is new."""
        if self._target.place != HOME:
            self._enter_new_prefix()
            return

        def create(values: dict[str, str]) -> None:
            name = values["name"]
            self._host.actions.send(
                "PUT", bucket_path(name), f"created bucket {name}", command=command("mb", name)
            )

        fields = [Field("name", "Name", "", check_bucket, hint="3 to 63 of a-z, 0-9, . and -")]
        self._host.prompts.fill_in("New bucket", fields, create, verb="create")

    def _enter_new_prefix(self) -> None:
        """S3 has no empty prefixes: it exists as soon as an object has it."""
        bucket, prefix = self._target.place

        def enter(values: dict[str, str]) -> None:
            self._open_place((bucket, prefix + values["name"].strip("/") + "/"))

        fields = [Field("name", "Prefix", "", hint="it appears with its first object")]
        title = f"New prefix below {bucket}/{prefix}"
        self._host.prompts.fill_in(title, fields, enter, verb="enter")

    def _delete(self) -> None:
        target = self._target
        if not target.is_bucket:
            self._with_selection(self._deletion.delete)
        elif name := target.bucket:
            self._deletion.remove_bucket(name)

    def _edit_tags(self) -> None:
        """Edit the tags of the object, or of the bucket, as a text."""
        target = self._target
        bucket, key = target.bucket, target.key if target.info is not None else ""

        def edit(before: dict[str, str]) -> None:
            text = "\n".join(f"{name}={value}" for name, value in before.items())
            fields = [
                Field("tags", "Tags", text, check_tags, lines=6, hint="one NAME=VALUE per line")
            ]
            self._host.prompts.fill_in(
                f"Tags of {object_name(bucket, key)}", fields,
                lambda values: self._save_tags((bucket, key), before, parse_tags(values["tags"])),
                verb="save",
            )  # fmt: skip

        self._host.actions.read_tags(tags_path(bucket, key), edit)

    def _save_tags(self, place: PrefixName, before: dict[str, str], after: dict[str, str]) -> None:
        """place: bucket and key, which is empty for the bucket itself."""
        changed, removed = tag_changes(before, after)
        if not changed and not removed:
            self._host.messages.toast("nothing has changed")
            return
        self._host.actions.send(
            "PATCH", tags_path(*place), "tags changed", TagChanges(changed, removed),
            command=tag_command(*place, changed, removed), then=self._inspect,
        )  # fmt: skip

    def _change_cache(self, verb: str) -> None:
        """Pin, prefetch or evict what is selected; a bucket in the list of buckets."""
        target = self._target
        if target.is_bucket:
            self._host.actions.change_cache(verb, CachePlace(target.bucket))
            self._table.unmark()
        else:
            self._with_selection(lambda chosen: self._change_cache_of(chosen, verb))

    def _change_cache_of(self, chosen: Selection, verb: str) -> None:
        states = self._table.listing.key_states
        pending = [key for key in chosen.keys if states.get(key) in NOT_AT_REMOTE]
        if verb == "evict" and pending:
            text = f"{pending[0]} has a pending write and cannot be evicted"
            self._host.messages.toast(text, is_error=True)
            return
        places = [CachePlace(chosen.bucket, key) for key in chosen.keys]
        places += [CachePlace(chosen.bucket, prefix=prefix) for prefix in chosen.prefixes]
        for place in places:
            self._host.actions.change_cache(verb, place)
        self._table.unmark()
