"""State files that could not be read: what a person is told of them.

An agent gives them another name and goes on without them. As long as they lie there, somebody may
want what is in them, so a status and a check name them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from s3d.agent.app.rebuild_identities import damaged_identities
from s3d.shared.diagnostics import Damage
from s3d.shared.paths import Places

_FORGOTTEN = {"pins.broken": "pins", "transfers.bad": "unfinished transfers"}
"""Name of a file that was set aside -> what was in it."""
_REMEDY = "make them anew, then move the file away or remove it"
_IDENTITY = "the next start before a remote writes it again, or says why it cannot"


def set_aside(folder: Path) -> list[str]:
    """A warning for each such file of a folder. Two looks for a name."""
    return [
        f"the {what} could not be read and are forgotten: see {file}, {_REMEDY}"
        for name, what in _FORGOTTEN.items()
        if (file := folder / name).exists()
    ]


def damaged_state(places: Places) -> list[Damage]:
    """What a check shows. Blocks."""
    bases = (places.state_dir, places.write_queue_dir, places.read_cache_dir)
    return [
        *_files(places.state_dir),
        *(
            Damage("state", str(error.file), "it cannot be understood", remedy=_IDENTITY)
            for base in bases
            for error in damaged_identities(base)
        ),
    ]


def _files(state: Path) -> Iterator[Damage]:
    for name, what in _FORGOTTEN.items():
        for file in sorted(state.rglob(name)):
            problem = f"the {what} could not be read and are forgotten"
            yield Damage("state", str(file), problem, remedy=_REMEDY)
