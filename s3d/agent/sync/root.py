"""Whether the root is still the folder, and the remote still the bucket, of the baseline.

An unmounted disk, a restored backup or another bucket look as if everything had been deleted on one
side. If the root is another one, the baseline is dropped; a first sync deletes nothing.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterable
from pathlib import Path

from s3d.agent.sync.baseline import Baseline
from s3d.agent.sync.interfaces import RootGone
from s3d.agent.sync.local_tree import FolderTree


def why_no_root(path: Path, *, home: Path, own: Iterable[Path]) -> str:
    """Why a folder cannot be a sync folder; "" when it can. Pure but for resolving links.

    own: the folders of s3d itself.
    """
    real = Path(os.path.realpath(path))
    if real == Path("/"):
        return "it is the root of the file system"
    if real == Path(os.path.realpath(home)):
        return "it is the home folder itself: choose a folder inside it"
    for folder in own:
        other = Path(os.path.realpath(folder))
        if real.is_relative_to(other) or other.is_relative_to(real):
            return f"s3d stores its own files in {folder}"
    return ""


def open_root(path: Path, baseline: Baseline, remote: str, umask: int) -> tuple[FolderTree, bool]:
    """The folder, and whether it is synced for the first time. remote: endpoint, bucket, prefix.

    A folder that is not there is made when it never was synced. Raises RootGone; OSError.
    """
    known = baseline.get_meta("marker")
    if not path.is_dir():
        if known and not path.is_symlink():
            raise RootGone(f"{path} does not exist: is its disk mounted?")
        try:
            path.mkdir(0o777 & ~umask, parents=True)
            path.chmod(0o777 & ~umask)
        except FileExistsError:
            if not path.is_dir():  # else the user has made it at this moment
                raise
    tree = FolderTree(path, umask=umask)
    try:
        is_first = not _is_known(tree, baseline, remote)
        if is_first:
            if known and baseline.get_meta("remote") == remote and baseline.count()[0]:
                raise RootGone(_other_folder(path))
            _begin(tree, baseline, remote)
    except BaseException:
        tree.close()
        raise
    return tree, is_first


def _is_known(tree: FolderTree, baseline: Baseline, remote: str) -> bool:
    device, inode = tree.identity
    wanted = {"marker": tree.marker(), "root": f"{device}:{inode}", "remote": remote}
    if not wanted["marker"]:
        return False
    return all(baseline.get_meta(name) == value for name, value in wanted.items())


def _other_folder(path: Path) -> str:
    return (
        f"{path} is not the folder that was synced (its marker .s3d/marker differs, or it was "
        "moved): is its disk mounted? s3d sync approve accepts it as it is"
    )


def _begin(tree: FolderTree, baseline: Baseline, remote: str) -> None:
    """Forget everything, and remember this root."""
    marker = tree.marker() or str(uuid.uuid4())
    tree.mark(marker)
    device, inode = tree.identity
    baseline.forget_all(marker=marker, root=f"{device}:{inode}", remote=remote)
    baseline.flush_now()


def adopt_root(path: Path, baseline: Baseline, remote: str) -> None:
    """Accept the folder as it is. The next sync is a first one, which deletes nothing. Raises
    OSError."""
    tree = FolderTree(path)
    try:
        _begin(tree, baseline, remote)
    finally:
        tree.close()
