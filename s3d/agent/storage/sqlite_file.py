"""What the small SQLite files beside the index have in common: transactions and the layout number.

They are the baseline of a sync folder, the receipts, and the two files of a mount. The index has a
thread that commits groups of actions, see index_writer.py.

The layout number is PRAGMA user_version, 0 in an empty file. Connections are in autocommit mode
(isolation_level=None). Calls block.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from s3d.shared.errors import UsageError


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Commit what the block writes; roll it back when the block or the commit fails.

    The connection is usable afterwards in each case. Raises sqlite3.Error.
    """
    db.execute("BEGIN IMMEDIATE")
    try:
        yield db
        db.execute("COMMIT")
    except BaseException:
        # After some errors, such as a full disk, SQLite has rolled back by itself, and ROLLBACK
        # would fail; after others, such as a failed COMMIT, the transaction is still open.
        # https://sqlite.org/lang_transaction.html, section 3.
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def layout_of(db: sqlite3.Connection, path: Path | None, what: str, newest: int) -> int:
    """The layout number of a file. what: the file, for the error.

    Raises UsageError for a layout above the newest one that this s3d knows, sqlite3.Error.
    """
    (layout,) = db.execute("PRAGMA user_version").fetchone()
    if layout > newest:
        why = f"layout {layout}, this s3d knows {newest}"
        raise UsageError(f"{path} is {what} of a newer s3d", why, "update s3d")
    return int(layout)


def upgrade(db: sqlite3.Connection, path: Path | None, what: str, scripts: Sequence[str]) -> None:
    """Bring a file to the newest layout, in one transaction.

    scripts: the statements that lead from layout 0 to 1, from 1 to 2, and so on. When this fails,
    the connection has to be closed. Raises UsageError as layout_of() does, sqlite3.Error.
    """
    newest = len(scripts)
    layout = layout_of(db, path, what, newest)
    if layout < newest:
        steps = "".join(scripts[layout:])
        db.executescript(f"BEGIN IMMEDIATE; {steps} PRAGMA user_version = {newest}; COMMIT;")
