"""The keys for a second pane beside a bucket: show it, and copy or move between the two."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from s3d.tui.host import Host
from s3d.tui.panes.listing_table import ListingTable
from s3d.tui.panes.object_selection import selection_of
from s3d.tui.panes.object_transfers import ObjectTransfers
from s3d.tui.panes.second_pane import SecondPane
from s3d.tui.panes.side_transfers import (
    NothingToTransfer,
    Side,
    command_between,
    request_between,
)


class TwoPanes:
    """leave: gives the focus back to the first pane. mark: shows that there are two, or one."""

    def __init__(
        self,
        host: Host,
        table: ListingTable,
        second: SecondPane,
        *,
        leave: Callable[[], None],
        mark: Callable[[bool], object],
    ) -> None:
        self._host, self._table, self._second = host, table, second
        self._leave, self._mark = leave, mark

    def run(self, name: str) -> None:
        """Run the action of a key by its name."""
        actions: dict[str, Callable[[], None]] = {
            "toggle": self._toggle, "other": self._change,
            "copy": lambda: self._transfer(is_move=False),
            "move": lambda: self._transfer(is_move=True),
        }  # fmt: skip
        actions[name]()

    def refusal(self, name: str) -> str:
        """Why an action is not possible now; empty when it is possible."""
        is_missing = name in ("copy", "move") and not self._second.display
        return "Open a second pane first: w" if is_missing else ""

    @property
    def has_focus(self) -> bool:
        """Whether keys are for the second pane."""
        return self._second.display and self._second.shown.has_focus

    def note_change(self, bucket: str, key: str) -> None:
        """An object, or a bucket when key is empty, was created, changed or deleted."""
        self._table.note_change(bucket, key)
        if self._second.display:
            self._second.objects.note_change(bucket, key)

    def _toggle(self) -> None:
        if self._second.display:
            if self.has_focus:
                self._leave()
            self._second.display = False
        elif self._host.agent.is_local:
            self._second.open_folder(self._second.folder.folder)
        else:
            self._second.open_place(self._table.listing.place)
        self._mark(self._second.display)

    def _change(self) -> None:
        """Show a bucket in place of the folder, or the folder."""
        if not self._second.display:
            self._toggle()
        had_focus = self.has_focus
        if self._second.is_folder:
            self._second.open_place(self._table.listing.place)
        elif self._host.agent.is_local:
            self._second.open_folder(Path(self._second.folder.folder))
        else:
            self._host.messages.toast("The agent is on another machine, so are its folders")
        if had_focus:
            self._second.screen.set_focus(self._second.shown)

    def _transfer(self, *, is_move: bool) -> None:
        """From the pane that has the focus to the other."""
        bucket, prefix = self._table.listing.place
        first = Side("", bucket, prefix, selection=selection_of(self._table))
        sides = (first, self._second.side)
        source, target = reversed(sides) if self.has_focus else sides
        if not self._host.actions.may_write():
            return
        try:
            request = request_between(source, target, is_move=is_move)
        except NothingToTransfer as error:
            self._host.messages.toast(str(error))
            return
        table = self._second.shown if self.has_focus else self._table
        cli = command_between(source, target, is_move=is_move)
        ObjectTransfers(self._host, self._table).start(request, request.kind.title(), cli)
        table.unmark()
