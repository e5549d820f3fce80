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
from s3d.agent.frontends.fuse.remembered_folder import (
    MARKER_NAME,
    MAX_SINGLE,
    Contents,
    RememberedFolder,
)

TTL = 1.0
"""Seconds that an entry is believed."""
_TTL_OF_ENTRY = 0.0002
"""Seconds more for each entry of a listing: `ls -l` has to get through all of them."""
_MAX_ENTRIES = 300_000
"""Entries of all folders; then the folder that was not used for longest is forgotten."""
_SINGLE_LOOKUPS = 2
"""Look-ups of single names in a folder, before its first page is read instead."""

FolderId = tuple[str, str]
"""Bucket, and the prefix with a slash at its end or ""; ("", "") has the buckets."""


class Known(NamedTuple):
    """What is remembered of a name. entry None: there is no such name."""

    entry: Entry | None


class PartialListing:
    """A listing whose pages are being read."""

    __slots__ = ("begun", "entries", "marker")

    def __init__(self, begun: int) -> None:
        """begun: of FolderMemory.begin, before the first page was requested."""
        self.begun = begun
        self.entries: dict[str, Entry] = {}
        self.marker: str | None = None
        """As in Contents."""


class FolderMemory:
    """The folders that were used last."""

    def __init__(self, ttl: float = TTL, clock: Callable[[], float] = time.monotonic) -> None:
        """ttl: seconds."""
        self.ttl = ttl
        self._clock = clock
        self._lock = threading.Lock()
        self._folders: dict[FolderId, RememberedFolder] = {}
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
            entry = state.entries.get(name)
            if name in state.stale:  # a folder in which something was removed may have more
                return Known(entry) if entry is not None and entry.is_folder else None
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
            if state.is_current(part.begun, MARKER_NAME):
                state.marker = part.marker
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
        part = PartialListing(self.begin(folder))
        part.marker = ""
        self.add_page(folder, part, [], is_last=True)

    def put(self, folder: FolderId, name: str, entry: Entry | None) -> None:
        """The mount itself has made this entry, or (None) removed the name."""
        with self._lock:
            self._make(self._use(folder), name, entry)

    def put_folder_away(self, folder: FolderId, component: str) -> None:
        """The mount itself has moved a folder away, or has removed it. An object that it hid has
        its name now."""
        name, hidden = name_of(component), name_of(component, beside_folder=True)
        with self._lock:
            state = self._use(folder)
            if not state.is_complete:
                state.note_component(component)  # a request has to tell
                state.entries.pop(name, None)
                return
            entry = state.find(hidden)
            if entry is not None:
                self._make(state, hidden, None)
            self._make(state, name, None if entry is None else entry._replace(name=name))

    def contents(self, folder: FolderId) -> Contents | None:
        """What a folder had when it was listed last, for how long ever, with what was seen and
        changed since; None: there was no complete listing."""
        with self._lock:
            state = self._folders.get(folder)
            return None if state is None else state.contents()

    def move(self, bucket: str, old: str, new: str) -> None:
        """The mount itself has moved a folder, with all that is below it. old, new: prefixes."""
        with self._lock:
            below = [
                (prefix, self._drop((bucket, prefix)))
                for of, prefix in list(self._folders)
                if of == bucket and prefix.startswith((old, new))
            ]
            for prefix, state in below:
                if prefix.startswith(old):
                    folder = bucket, new + prefix.removeprefix(old)
                    self._folders[folder] = moved = state.moved(self._forgotten)
                    self._of_bucket[bucket] += 1
                    self._weigh(moved)

    def changed(self, bucket: str, key: str = "", *, is_removal: bool = False) -> bool:
        """Something has changed at this key, or (key "") anywhere in the bucket.

        Folders on the way to the key that are known stay known, unless it was a removal. False:
        nothing was known of the bucket.
        """
        if bucket not in self._of_bucket and ("", "") not in self._folders:
            return False
        with self._lock:
            if not key:  # the bucket, or the list of buckets: some operations change either
                for (of, _), each in self._folders.items():
                    if of in (bucket, ""):
                        each.forget()
                        self._weigh(each)
                return True
            components = key.split("/")
            prefix = ""
            for component in components[:-1]:
                state = self._folders.get((bucket, prefix))
                if state is not None and (is_removal or not state.has_folder(component)):
                    state.note_below(component)
                prefix += component + "/"
            state = self._folders.get((bucket, prefix))
            if state is not None:
                state.note_component(components[-1])
                if not components[-1]:
                    state.marker = None if is_removal else ""
            return bucket in self._of_bucket

    def _make(self, state: RememberedFolder, name: str, entry: Entry | None) -> None:
        """What the mount itself has made of a name; None: it has removed it."""
        state.note(name)
        self._put(state, name, entry)
        if state.is_complete:
            state.settle(name, entry)

    def _put(self, state: RememberedFolder, name: str, entry: Entry | None) -> None:
        state.names.pop(name, None)
        while len(state.names) >= MAX_SINGLE:
            del state.names[next(iter(state.names))]
        state.names[name] = self._clock() + self.ttl, entry
        self._weigh(state)

    def _use(self, folder: FolderId) -> RememberedFolder:
        state = self._folders.pop(folder, None)
        if state is None:
            state = RememberedFolder(self._forgotten)
            self._of_bucket[folder[0]] += 1
        self._folders[folder] = state
        return state

    def _weigh(self, state: RememberedFolder) -> None:
        weight = 1 + len(state.entries) + len(state.names)
        self._size += weight - state.weight
        state.weight = weight

    def _make_room(self) -> None:
        while self._size > _MAX_ENTRIES and len(self._folders) > 1:
            self._drop(next(iter(self._folders)))

    def _drop(self, folder: FolderId) -> RememberedFolder:
        state = self._folders.pop(folder)
        self._size -= state.weight
        self._forgotten = max(self._forgotten, state.changes + 1)
        self._of_bucket[folder[0]] -= 1
        if not self._of_bucket[folder[0]]:
            del self._of_bucket[folder[0]]
        return state
