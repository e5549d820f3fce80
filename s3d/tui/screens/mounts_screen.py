"""The mounts of the agent: where buckets are shown as folders, what waits there, and unmounting."""

from __future__ import annotations

import os
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from s3d.shared.config.mount_settings import DEFAULT_DIR
from s3d.shared.mounting import MountSpec, MountStatus, UnmountRequest, counts, shown_part
from s3d.shared.text import safe
from s3d.tui.cli_equivalent import command
from s3d.tui.columns import Column
from s3d.tui.draw import frame_keys
from s3d.tui.host import Host, host_of
from s3d.tui.places import parse_place
from s3d.tui.screens.form_screen import Field
from s3d.tui.table import Row, Table

DRAW_INTERVAL = 0.25
"""Seconds between two looks at the state of the app, which is read once a second."""
_KEYS = ("n mount", "u unmount", "y copy path", "esc closes")
_KEYS_READONLY = ("y copy path", "esc closes")
_EMPTY, _EMPTY_READONLY = "No mounts yet: press n to show buckets as a folder", "No mounts."
_ACCESS = ("read and write", "read-only")


class MountsScreen(ModalScreen[None]):
    """select: the folder of the mount that the cursor is on."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss(None)", "Close"),
        Binding("n", "mount", "Mount"),
        Binding("u", "unmount", "Unmount"),
        Binding("y", "copy", "Copy path"),
    ]

    def __init__(self, select: str = "") -> None:
        super().__init__()
        self._select = select

    @property
    def _host(self) -> Host:
        return host_of(self)

    def compose(self) -> ComposeResult:
        is_readonly = self._host.actions.is_readonly
        keys = _KEYS_READONLY if is_readonly else _KEYS
        box = Vertical(classes="dialog tall")
        box.border_title = Content("Mounts")
        box.border_subtitle = frame_keys(keys, self._host.size.width)
        with box:
            yield Table(
                [Column("Folder"), Column("Shows", 20), Column("Access", 10, shown_from=80),
                 Column("State", 10)],
                glyphs=self._host.glyphs, empty=_EMPTY_READONLY if is_readonly else _EMPTY,
                opens=False, id="mounts",
            )  # fmt: skip
            yield Static("", id="mount-details", markup=False)

    def on_mount(self) -> None:
        self.set_focus(self._table)
        self._draw()
        if self._select:
            self._table.go(self._select)
        self.set_interval(DRAW_INTERVAL, self._draw)

    @property
    def _table(self) -> Table:
        return self.query_one(Table)

    @property
    def _mounts(self) -> list[MountStatus]:
        status = self._host.state.status
        return [] if status is None else list(status.mounts)

    @property
    def _current(self) -> MountStatus | None:
        row = self._table.current
        return next((each for each in self._mounts if row and each.dir == row.id), None)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Nothing that writes is offered when the app is read-only."""
        return not (self._host.actions.is_readonly and action in ("mount", "unmount"))

    def _draw(self) -> None:
        self._table.show([_row(each) for each in self._mounts])
        self.on_table_moved()

    def on_table_moved(self) -> None:
        mount = self._current
        lines = details(mount) if mount is not None else []
        self.query_one("#mount-details", Static).update(Content("\n".join(lines)))

    def action_copy(self) -> None:
        if self._current is not None:
            self._host.messages.copy(self._current.dir)

    def action_unmount(self) -> None:
        """The agent refuses it while programs use the mount, and names them."""
        mount = self._current
        if mount is not None:
            unmount(self._host, mount.dir)

    def action_mount(self) -> None:
        """Ask for a folder, and what it shows."""
        fields = [
            Field("dir", "Folder", DEFAULT_DIR, hint="an empty folder, or one to create"),
            Field("place", "Bucket or prefix", hint="empty: all buckets"),
            Field("access", "Access", _ACCESS[0], options=_ACCESS),
        ]
        self._host.prompts.fill_in("Mount buckets as a folder", fields, self._mount, verb="mount")

    def _mount(self, values: dict[str, str]) -> None:
        bucket, prefix = parse_place(values["place"]) if values["place"] else ("", "")
        folder, is_read_only = absolute(values["dir"]), values["access"] == _ACCESS[1]
        shown = ["--bucket", values["place"]] if bucket else []
        spec = MountSpec(folder, bucket, prefix, is_read_only)
        cli = command("mount", folder, *shown, "--read-only" if is_read_only else "")
        self._host.actions.send("POST", "/v1/mounts", f"mounted {folder}", spec, command=cli)


def unmount(host: Host, folder: str) -> None:
    """Unmount a folder, as s3d umount does."""
    body: Any = UnmountRequest(folder)
    done = f"unmounted {folder}"
    host.actions.send("POST", "/v1/mounts:unmount", done, body, command=command("umount", folder))


def absolute(folder: str) -> str:
    """Without looking at the folder, which may be a mount."""
    return os.path.abspath(os.path.expanduser(folder))


def _row(mount: MountStatus) -> Row:
    access = _ACCESS[1] if mount.read_only else "read/write"
    style = "bad" if mount.state != "mounted" or mount.failed or mount.conflicts else ""
    return Row(mount.dir, (safe(mount.dir), safe(shown_part(mount)), access, mount.state), style)


def details(mount: MountStatus) -> list[str]:
    """Why it is not mounted, what waits below it, and whether it stays."""
    lines = [safe(f"{mount.state}: {mount.reason}")] if mount.reason else []
    lines.append(safe(", ".join(counts(mount))) or "no open files, nothing pending")
    stays = "mounted again at the next start of the agent, until it is unmounted"
    return [*lines, stays if mount.from_file else "not mounted again at the next start"]
