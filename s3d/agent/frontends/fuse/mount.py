"""One mount: it is started, serves in threads of its own, and is stopped without losing a write.

Nothing here runs on the event loop: stop() waits for programs to close their files, and the file
system needs the loop to take what they have written.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from s3d.agent.frontends.fuse.fs_ops import FsOps
from s3d.agent.frontends.fuse.fuse_support import check_support, find_support
from s3d.agent.frontends.fuse.kernel import fusermount
from s3d.agent.frontends.fuse.kernel.binding import VALID, Binding
from s3d.agent.frontends.fuse.kernel.fusermount import MountFailed
from s3d.agent.frontends.fuse.mount_folder import Holder, holders, prepare
from s3d.shared.config.mount_settings import MountConfig
from s3d.shared.mount_table import mounts_at

logger = logging.getLogger(__name__)

_START_TIMEOUT = 10.0


class InUse(MountFailed):
    """Programs use the mount."""

    def __init__(self, folder: Path, users: list[Holder]) -> None:
        self.users = users
        shown = [f"{one.program} ({one.pid}) has {one.path} open" for one in users[:5]]
        shown += [f"and {len(users) - 5} more"] * (len(users) > 5)
        super().__init__(
            f"cannot unmount {folder}",
            "; ".join(shown) or "a program of another user has a file of it open",
            "close them, or use --force: what they have written is safe, but they get errors",
        )


class Mount:
    """See the module's documentation."""

    def __init__(
        self,
        config: MountConfig,
        operations: FsOps,
        *,
        valid: float = VALID,
        before_request: Callable[[], None] = lambda: None,
    ) -> None:
        """valid: seconds for which the kernel believes what it has seen. before_request: as for
        Binding."""
        assert config.dir is not None
        self.config = config
        self.folder = config.dir
        """Once it is started, without symbolic links."""
        self._operations = operations
        self._valid = valid
        self._before_request = before_request
        self._binding: Binding | None = None

    def start(self) -> None:
        """Return when programs can use it. Raises MountFailed, with the fix."""
        check_support(find_support(sys.platform), allow_other=self.config.allow_other)
        self.folder = prepare(self.folder)
        device = fusermount.mount(
            self.folder, read_only=self.config.read_only, allow_other=self.config.allow_other
        )
        binding = self._binding = Binding(
            self._operations, device, valid=self._valid, before_request=self._before_request
        )
        try:
            binding.serve(_START_TIMEOUT)
        except TimeoutError as error:
            fusermount.unmount(self.folder, lazy=True)
            raise MountFailed(f"cannot mount at {self.folder}", str(error)) from error
        self._operations.notify_changes(self.forget_attributes, self.invalidate)

    def abandon(self) -> None:
        """It could not be started, or nobody waits for it any more."""
        self.stop(0)
        self._operations.close()

    @property
    def is_mounted(self) -> bool:
        return self._binding is not None and not self._binding.ended.is_set()

    def open_paths(self) -> list[str]:
        """Files that programs have open, as paths within the mount."""
        return [] if self._binding is None else self._binding.open_paths()

    def counts(self) -> Mapping[str, int]:
        """How often the kernel has called each operation."""
        return {} if self._binding is None else self._binding.counts()

    @property
    def io_errors(self) -> int:
        """How many operations ended with EIO."""
        return 0 if self._binding is None else self._binding.io_errors

    def wait_for_end(self) -> None:
        """Return when it is unmounted, by whomever, and nobody uses it any more."""
        if self._binding is not None:
            self._binding.ended.wait()

    def forget_attributes(self, path: str) -> None:
        """As Binding.forget_attributes()."""
        if self._binding is not None and self.is_mounted:
            self._binding.forget_attributes(path)

    def invalidate(self, path: str) -> None:
        """As Binding.invalidate()."""
        if self._binding is not None and self.is_mounted:
            self._binding.invalidate(path)

    def unmount(self) -> None:
        """Unmount what nobody uses. Raises InUse, MountFailed."""
        if self.is_mounted:
            try:
                fusermount.unmount(self.folder)
            except MountFailed as error:
                users = list(holders(self.folder))
                if users or "busy" in str(error):
                    raise InUse(self.folder, users) from error
                if mounts_at(self.folder):  # else somebody has unmounted it at this moment
                    raise
        self._close()

    def stop(self, grace: float) -> None:
        """Unmount in any case. New programs find the empty folder at once; those that write get
        some seconds to close their files. grace: those seconds."""
        binding = self._binding
        if binding is not None and self.is_mounted:
            try:
                fusermount.unmount(self.folder, lazy=True)
            except MountFailed as error:
                if mounts_at(self.folder):  # else somebody has unmounted it at this moment
                    logger.warning("unmounting failed folder=%s error=%s", self.folder, error)
            if not binding.wait_for_writers(grace):
                logger.warning("files were cut off while open for writing folder=%s files=%s",
                               self.folder, ", ".join(binding.open_paths()))  # fmt: skip
        self._close()

    def _close(self) -> None:
        """It is unmounted."""
        if self._binding is not None:
            self._binding.close()
            self._operations.close()
