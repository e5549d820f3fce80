"""A process that writes files over the embedded store until its failpoint kills it.

It says on its standard output what was confirmed. python -m ... FOLDER
"""

import os
import sys
from pathlib import Path

from tests.agent.frontends.fuse.store_thread import place, running_store, written_files

OLD = bytes(range(256)) * 2_000
SYNCED = OLD[:5_000] + b"synced" + OLD[5_006:]
CLOSED = b"closed" * 20_000


def say(what: str) -> None:
    os.write(1, what.encode() + b"\n")


def main(folder: Path) -> None:
    with running_store(folder) as world, written_files(world, folder / "staging") as files:
        world.put("changed", OLD)
        changed = files.open(place("changed"))
        files.write(changed, b"synced", 5_000)
        say("began")
        changed.fsync()
        say("synced")
        closed = files.create(place("new"))
        files.write(closed, CLOSED, 0)
        files.flush(closed)
        say("closed")
        files.write(closed, b"later", None)
        closed.fsync()
        say("appended")
        files.flush(changed)
        say("changed")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
