"""What a mount remembers of one folder: its last listing, and names that were looked up since.

No locks and no clock: FolderMemory has both.
"""

from __future__ import annotations

from typing import NamedTuple

from s3d.agent.frontends.fuse.folder_entries import Entry
from s3d.agent.frontends.fuse.key_names import name_of

MAX_SINGLE = 1_000
"""Names of a folder that were looked up one by one, or have changed."""
MARKER_NAME = name_of("")
"""Of the object that is the folder itself."""


class Contents(NamedTuple):
    """What a folder had when it was listed last, with what was seen and changed since."""

    entries: list[Entry]
    marker: str | None
    """The ETag of the object that is the folder itself, "" if nobody knows it; None: none."""
    unsure: list[str]
    """Names that have changed in a way that nobody knows."""


class RememberedFolder:
    """What is remembered of one folder."""

    __slots__ = (
        "changed",
        "changes",
        "entries",
        "forgotten",
        "is_complete",
        "is_large",
        "lookups",
        "marker",
        "names",
        "stale",
        "until",
        "weight",
    )

    def __init__(self, changes: int) -> None:
        self.changes = changes
        """Counts the changes."""
        self.forgotten = changes
        """Answers to requests that began before this change are not kept."""
        self.changed: dict[str, int] = {}
        """Names that have changed, and their last change."""
        self.stale: set[str] = set()
        """Names of which the listing is outdated."""
        self.names: dict[str, tuple[float, Entry | None]] = {}
        """Looked up one by one, and until when that is believed."""
        self.entries: dict[str, Entry] = {}
        """Of the listing."""
        self.until = 0.0
        """The time until which the listing is believed."""
        self.is_complete = False
        """Whether the listing has all entries."""
        self.is_large = False
        """Whether the listing has more than one page."""
        self.marker: str | None = None
        """As in Contents."""
        self.lookups = 0
        """Look-ups of single names since a page was read."""
        self.weight = 0
        """Entries and names, as counted in the size of all folders."""

    def forget(self) -> None:
        self.changes += 1
        self._forget_changes()
        self.stale.clear()
        self.names.clear()
        self.entries = {}
        self.is_complete = False
        self.marker = None
        self.until = 0.0

    def note(self, name: str) -> None:
        """The name has changed."""
        self.changes += 1
        self.changed[name] = self.changes
        self.names.pop(name, None)
        self.stale.add(name)
        if len(self.stale) > MAX_SINGLE:
            self.forget()
        elif len(self.changed) > MAX_SINGLE:
            self._forget_changes()

    def settle(self, name: str, entry: Entry | None) -> None:
        """The listing shows what is known of a name."""
        self.stale.discard(name)
        if entry is None:
            self.entries.pop(name, None)
        else:
            self.entries[name] = entry

    def _forget_changes(self) -> None:
        self.forgotten = self.changes
        self.changed.clear()

    def is_current(self, begun: int, name: str) -> bool:
        """Whether nothing has happened to the name since a request began."""
        return begun >= self.forgotten and self.changed.get(name, 0) <= begun

    def note_component(self, component: str) -> None:
        """The object, or the folder, with this component has changed."""
        name, hidden = name_of(component), name_of(component, beside_folder=True)
        if self.has_folder(component) or hidden in self.entries or hidden in self.names:
            self.note(hidden)
        self.note(name)

    def note_below(self, component: str) -> None:
        """Something in the folder with this component has changed. It is still known as the one
        that was there last, and so is that it hides no object."""
        known, hidden = self.find(name_of(component)), name_of(component, beside_folder=True)
        was_sure = not any(hidden in each for each in (self.stale, self.entries, self.names))
        self.note_component(component)
        if known is not None and known.is_folder:
            self.entries[known.name] = known
            if was_sure:
                self.stale.discard(hidden)

    def has_folder(self, component: str) -> bool:
        """Whether a folder with this component is known."""
        entry = self.find(name_of(component))
        return entry is not None and entry.is_folder

    def find(self, name: str) -> Entry | None:
        """The entry that was known last."""
        single = self.names.get(name)
        return self.entries.get(name) if single is None else single[1]

    def contents(self) -> Contents | None:
        """All that is known; None: there was no complete listing."""
        if not self.is_complete:
            return None
        found = dict(self.entries)
        for name, (_, entry) in self.names.items():
            if entry is None:
                found.pop(name, None)
            else:
                found[name] = entry
        known = {*self.names, MARKER_NAME} if self.marker == "" else self.names.keys()
        return Contents(list(found.values()), self.marker, sorted(self.stale - known))

    def moved(self, changes: int) -> RememberedFolder:
        """The same folder under another name. changes: of FolderMemory, so that no answer about the
        folder that had the name is kept."""
        other = RememberedFolder(changes)
        other.entries, other.names, other.stale = self.entries, self.names, self.stale
        other.until, other.marker = self.until, self.marker
        other.is_complete, other.is_large = self.is_complete, self.is_large
        return other
