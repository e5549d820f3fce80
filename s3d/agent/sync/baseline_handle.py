"""The open baseline of one folder: opened, verified, and replaced when its file is damaged.

A damaged file stops its own folder only.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from pathlib import Path

from s3d.agent.core.thread_call import in_thread
from s3d.agent.sync.baseline import Baseline
from s3d.agent.sync.baseline_file import FAILURE, Damaged, check, damaged, is_damage, put_aside
from s3d.shared.errors import UsageError

logger = logging.getLogger(__name__)


class BaselineUnusable(Exception):
    """The baseline cannot be used. str(): which file, why, and what to do."""

    def __init__(self, why: str, *, can_be_replaced: bool = False) -> None:
        """can_be_replaced: the user may have the file replaced."""
        super().__init__(why)
        self.can_be_replaced = can_be_replaced


class BaselineHandle:
    """Holds the baseline, or None while it cannot be used.

    A thread opens it, and nobody closes it meanwhile: the task that waits for the thread ends after
    it, also when it is cancelled.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self.baseline: Baseline | None = None
        self._is_checked = False

    def open(self) -> Baseline:
        """Blocks for a few syncs when the file is new. Raises BaselineUnusable."""
        if self.baseline is None:
            try:
                self.baseline = Baseline(self._file)
            except Exception as error:
                raise self.failed(error) from error
        return self.baseline

    async def ensure(self) -> Baseline:
        """Open and, the first time, read as a whole. Raises BaselineUnusable."""
        baseline = await in_thread(self.open)
        if not self._is_checked:
            try:
                await asyncio.to_thread(check, self._file)
            except Exception as error:
                raise self.failed(error) from error
            self._is_checked = True
        return baseline

    def failed(self, error: Exception) -> BaselineUnusable:
        """Translate an error of the baseline, which is closed and reopened later. Any other error
        is raised again."""
        if not isinstance(error, (Damaged, UsageError, OSError, FAILURE)):
            raise error
        self.close()
        if is_damage(error):
            error = damaged(self._file, error)
        if isinstance(error, Damaged):
            return BaselineUnusable(str(error), can_be_replaced=True)
        if isinstance(error, UsageError):
            return BaselineUnusable(str(error))
        return BaselineUnusable(f"its baseline {self._file} cannot be used: {error}")

    async def replace(self) -> None:
        """Rename the damaged file. The next sync is a first one, which cannot know what was deleted
        before. Raises OSError."""
        self.close()
        aside = await in_thread(partial(put_aside, self._file))
        logger.warning("renamed a damaged baseline file=%s", aside)

    def close(self) -> None:
        self._is_checked = False
        if self.baseline is not None:
            self.baseline.close()
            self.baseline = None
