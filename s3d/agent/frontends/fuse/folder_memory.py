"""What the mount remembers of its folders, so that most look-ups need no request.

A folder is known by a listing, and by look-ups of single names. Both are believed for a short time
only, since others write to the same buckets. A change that passes through this agent is noted at
once (changed, put). A request may still be under way then, so an answer is kept only where nothing
has changed since the request began (begin).

FUSE threads and the loop use this at once. Every method holds the lock for microseconds.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

from s3d.agent.frontends.fuse.folder_entries import Entry
from s3d.agent.frontends.fuse.key_names import name_of

TTL = 1.0
"""Seconds that an entry is believed."""
_TTL_OF_ENTRY = 0.0002
"""Seconds more for each entry of a listing: `ls -l` has to get through all of them."""
_MOST_ENTRIES = 300_000
"""Entries of all folders; then the folder that was not used for longest is forgotten."""
_SINGLE_LOOKUPS = 2
"""Look-ups of single names in a folder, before its first page is read instead."""
_MOST_SINGLE = 1_000
"""Names of a folder that were looked up one by one, or have changed."""

FolderId = tuple[str, str]
"""Bucket, and the prefix with a slash at its end or ""; ("", "") has the buckets."""


class Known(NamedTuple):
    """What is remembered of a name. entry None: there is no such name."""

    entry: Entry | None


class PartialListing:
    """A listing whose pages are being read."""

    __slots__ = ("begun", "entries")

    def __init__(self, begun: int) -> None:
        """begun: of FolderMemory.begin, before the first page was requested."""
        self.begun = begun
        self.entries: dict[str, Entry] = {}


class _Folder:
    """What is remembered of one folder."""

    __slots__ = (
        "changed",
        "changes",
        "entries",
        "forgotten",
        "is_complete",
        "is_large",
        "lookups",
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
        self.until = 0.0

    def note(self, name: str) -> None:
        """The name has changed."""
        self.changes += 1
        self.changed[name] = self.changes
        self.names.pop(name, None)
        self.stale.add(name)
        if len(self.stale) > _MOST_SINGLE:
            self.forget()
        elif len(self.changed) > _MOST_SINGLE:
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


class FolderMemory:
    """The folders that were used last."""

    def __init__(self, ttl: float = TTL, clock: Callable[[], float] = time.monotonic) -> None:
        """ttl: seconds."""
        self.ttl = ttl
        self._clock = clock
        self._lock = threading.Lock()
        self._folders: dict[FolderId, _Folder] = {}
        """The one that was used last is the last."""
        self._of_bucket: Counter[str] = Counter()
        self._forgotten = 0
        """The highest number of changes of a folder that was dropped."""
        self._size = 0

    def find(self, folder: FolderId, name: str) -> Known | None:
        """What is known of a name; None: a request has to tell."""
        with self._lock:
            state = self._folders.get(folder)
            if state is None:
                return None
            now = self._clock()
            single = state.names.get(name)
            if single is not None and now < single[0]:
                return Known(single[1])
            if now >= state.until or name in state.stale:
                return None
            entry = state.entries.get(name)
            return Known(entry) if entry is not None or state.is_complete else None

    def recall(self, folder: FolderId, name: str) -> Known | None:
        """What was known of a name last, for how long ever: the remote is away."""
        with self._lock:
            state = self._folders.get(folder)
            if state is None:
                return None
            single = state.names.get(name)
            if single is not None:
                return Known(single[1])
            if name in state.stale:
                return None
            entry = state.entries.get(name)
            return Known(entry) if entry is not None or state.is_complete else None

    def listing(self, folder: FolderId, *, outdated: bool = False) -> list[Entry] | None:
        """All entries of a folder; None: it has to be listed. outdated: the remote is away, so the
        last complete listing will do."""
        with self._lock:
            state = self._folders.get(folder)
            now = self._clock()
            if state is None or not state.is_complete or (now >= state.until and not outdated):
                return None
            for name in list(state.stale):
                single = state.names.get(name)
                if single is not None and (now < single[0] or outdated):
                    state.settle(name, single[1])
                elif not outdated:
                    return None
            return list(state.entries.values())

    def begin(self, folder: FolderId) -> int:
        """To be called before a request about a folder: the number for the methods below."""
        with self._lock:
            return self._use(folder).changes

    def is_searched(self, folder: FolderId) -> bool:
        """Whether so many names are looked up in a folder that a page of it answers them best.

        A page of a large folder would answer too few of them.
        """
        with self._lock:
            state = self._use(folder)
            state.lookups += 1
            return state.lookups > _SINGLE_LOOKUPS and not state.is_large

    def add(self, folder: FolderId, begun: int, name: str, entry: Entry | None) -> None:
        """Keep the answer to a look-up of one name, or that there is none."""
        with self._lock:
            state = self._use(folder)
            if state.is_current(begun, name):
                self._put(state, name, entry)

    def add_page(
        self, folder: FolderId, part: PartialListing, entries: Sequence[Entry], *, is_last: bool
    ) -> None:
        """Keep a page of a listing. Look-ups use it before the listing is complete."""
        part.entries.update((entry.name, entry) for entry in entries)
        with self._lock:
            state = self._use(folder)
            if part.begun < state.forgotten:
                return
            state.entries = part.entries
            state.is_complete, state.is_large = is_last, not is_last
            state.lookups = 0
            state.until = self._clock() + self.ttl + _TTL_OF_ENTRY * len(part.entries)
            # What has changed meanwhile may be missing in the page, or be in it as it was.
            newer = [name for name, at in state.changed.items() if at > part.begun]
            for name in newer:
                single = state.names.get(name)
                if single is not None:
                    state.settle(name, single[1])
            if is_last:
                state.stale.intersection_update(newer)
                state.names = {name: state.names[name] for name in newer if name in state.names}
            self._weigh(state)
            self._make_room()

    def put_empty(self, folder: FolderId) -> None:
        """The mount itself has made this folder."""
        self.add_page(folder, PartialListing(self.begin(folder)), [], is_last=True)

    def put(self, folder: FolderId, name: str, entry: Entry | None) -> None:
        """The mount itself has made this entry, or (None) removed the name."""
        with self._lock:
            state = self._use(folder)
            state.note(name)
            self._put(state, name, entry)
            if state.is_complete and self._clock() < state.until:
                state.settle(name, entry)

    def changed(self, bucket: str, key: str = "", *, is_removal: bool = False) -> bool:
        """Something has changed at this key, or (key "") anywhere in the bucket.

        Folders on the way to the key that are known stay known, unless it was a removal. False:
        nothing was known of the bucket.
        """
        if bucket not in self._of_bucket and ("", "") not in self._folders:
            return False
        with self._lock:
            if not key:
                self._changed_bucket(bucket)
                return True
            components = key.split("/")
            prefix = ""
            for component in components[:-1]:
                state = self._folders.get((bucket, prefix))
                if state is not None and (is_removal or not _has_folder(state, name_of(component))):
                    _note(state, component)
                prefix += component + "/"
            state = self._folders.get((bucket, prefix))
            if state is not None:
                _note(state, components[-1])
            return bucket in self._of_bucket

    def _changed_bucket(self, bucket: str) -> None:
        """The bucket, or the list of buckets: some operations change either."""
        for (of, _), state in self._folders.items():
            if of in (bucket, ""):
                state.forget()
                self._weigh(state)

    def _put(self, state: _Folder, name: str, entry: Entry | None) -> None:
        state.names.pop(name, None)
        while len(state.names) >= _MOST_SINGLE:
            del state.names[next(iter(state.names))]
        state.names[name] = self._clock() + self.ttl, entry
        self._weigh(state)

    def _use(self, folder: FolderId) -> _Folder:
        state = self._folders.pop(folder, None)
        if state is None:
            state = _Folder(self._forgotten)
            self._of_bucket[folder[0]] += 1
        self._folders[folder] = state
        return state

    def _weigh(self, state: _Folder) -> None:
        weight = 1 + len(state.entries) + len(state.names)
        self._size += weight - state.weight
        state.weight = weight

    def _make_room(self) -> None:
        while self._size > _MOST_ENTRIES and len(self._folders) > 1:
            folder = next(iter(self._folders))
            state = self._folders.pop(folder)
            self._size -= state.weight
            self._forgotten = max(self._forgotten, state.changes + 1)
            self._of_bucket[folder[0]] -= 1
            if not self._of_bucket[folder[0]]:
                del self._of_bucket[folder[0]]


def _note(state: _Folder, component: str) -> None:
    """The object, or the folder, with this component has changed."""
    name, hidden = name_of(component), name_of(component, hidden=True)
    if _has_folder(state, name) or hidden in state.entries or hidden in state.names:
        state.note(hidden)
    state.note(name)


def _has_folder(state: _Folder, name: str) -> bool:
    single = state.names.get(name)
    entry = state.entries.get(name) if single is None else single[1]
    return entry is not None and entry.is_folder
