"""Metrics of the process, its disks and its databases."""

from __future__ import annotations

import asyncio
import os
import platform
import resource
import sys
import time
from contextlib import suppress
from pathlib import Path

from s3d import __version__
from s3d.agent.app.free_space import FreeSpace
from s3d.agent.core import metric_table
from s3d.agent.core.telemetry import Histogram, Labels, Registry

STORE, QUEUE, CACHE = "store", "write_queue", "read_cache"
"""The databases, and the folders that they are in."""

LAG_INTERVAL = 0.5
"""Seconds between two measurements of the event loop's lag."""
_KIB = 1024
_STATM, _DESCRIPTORS = Path("/proc/self/statm"), Path("/proc/self/fd")


def commit_histogram(registry: Registry, database: str) -> Histogram | None:
    """Where a database reports the time of its commits; None: nobody wants to know."""
    if not registry.is_enabled:
        return None
    return registry.histogram(metric_table.SQLITE_COMMIT, database)


def report_process(registry: Registry, started: float, disks: FreeSpace) -> None:
    """Have what the system knows of this process and its disks computed. started: Unix seconds.
    disks: by the value of the label."""

    def free() -> dict[Labels, float]:
        return {(name,): size for name, size in disks.free().items()}

    version = (__version__, platform.python_version())
    registry.computed(metric_table.BUILD_INFO, lambda: {version: 1})
    registry.computed(metric_table.START_TIME, lambda: started)
    registry.computed(metric_table.CPU_TIME, time.process_time)
    registry.computed(metric_table.RESIDENT_MEMORY, resident_memory)
    registry.computed(metric_table.OPEN_FILES, open_files)
    registry.computed(metric_table.MAX_FILES, max_files)
    registry.computed(metric_table.DISK_FREE, free)


async def measure_lag(registry: Registry) -> None:
    """Measure how late a timer is. Runs until cancelled. The clock of uvloop's loop would not do:
    it counts milliseconds."""
    lag = registry.histogram(metric_table.LOOP_LAG)
    while True:
        due = time.monotonic() + LAG_INTERVAL
        await asyncio.sleep(LAG_INTERVAL)
        lag.observe(max(0.0, time.monotonic() - due))


def max_files() -> int | None:
    """How many files and sockets the process may have open; None: there is no limit."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return None if limit == resource.RLIM_INFINITY else limit


def resident_memory() -> int:
    """Bytes in memory; where the system has no /proc, the most that it ever was."""
    with suppress(OSError):
        return int(_STATM.read_bytes().split()[1]) * os.sysconf("SC_PAGESIZE")
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * _KIB


def open_files() -> int | None:
    """How many files and sockets the process has open; None: the system does not say."""
    for folder in (_DESCRIPTORS, Path("/dev/fd")):
        with suppress(OSError):
            return len(os.listdir(folder)) - 1  # listing it takes one
    return None
