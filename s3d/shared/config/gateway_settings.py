"""[write_queue], [read_cache] and [bandwidth]: what stands before a remote.

It does not import annotations from __future__, for the reason that schema.py states.
"""

from pathlib import Path
from typing import Annotated

import msgspec

from s3d.shared.config.bandwidth_timetable import BandwidthTimetable, parse_bandwidth_timetable
from s3d.shared.config.priorities import Priorities, parse_priorities
from s3d.shared.config.rules import Rule
from s3d.shared.config.validators import (
    parse_bool,
    parse_limit,
    parse_max_age,
    parse_max_size,
    parse_path,
    parse_price,
    parse_when_full,
)
from s3d.shared.config.values import Timetable, parse_timetable
from s3d.shared.filters.expression import EVERYTHING, Filter
from s3d.shared.text import parse_age


class QueueConfig(msgspec.Struct, frozen=True, kw_only=True):
    """[write_queue]: the queue of writes on their way to the remote. Unused without a remote."""

    enabled: Annotated[
        bool,
        Rule("Acknowledge writes once they are durable here, and push them later", parse_bool),
    ] = True
    dir: Annotated[
        Path | None,
        Rule("Folder of the pending writes; unset: write_queue in the data folder", parse_path),
    ] = None
    max_size: Annotated[
        int,
        Rule("Maximum size of all pending writes, in bytes", parse_max_size),
    ] = 10 << 30
    max_files: Annotated[
        int,
        Rule("Maximum number of pending writes", parse_limit),
    ] = 100_000
    max_age: Annotated[
        float | None,
        Rule(
            "Accept no writes while the oldest pending one is older; none: no limit", parse_max_age
        ),
    ] = None
    filter: Annotated[
        Filter,
        Rule("Writes to push; all others are held. Empty: push all", Filter.parse, lines=True),
    ] = EVERYTHING
    when_full: Annotated[
        str,
        Rule("When full: wait up to 60 s, then answer SlowDown; or reject", parse_when_full),
    ] = "wait"
    priorities: Annotated[
        Priorities,
        Rule(
            "Which writes to push first, by BUCKET/PREFIX: photos/=10, logs/=-5; else 0",
            parse_priorities,
            lines=True,
        ),
    ] = Priorities()
    bandwidth: Annotated[
        Timetable,
        Rule('Upload limit in bytes/s: 2MiB, "08:00 512KiB, 18:00 off", or off', parse_timetable),
    ] = Timetable()


class CacheConfig(msgspec.Struct, frozen=True, kw_only=True):
    """[read_cache]: copies of objects that were read. Unused without a remote."""

    enabled: Annotated[
        bool,
        Rule("Cache objects that were read on the local disk", parse_bool),
    ] = True
    dir: Annotated[
        Path | None,
        Rule("Folder of the cache; unset: read_cache in the cache folder", parse_path),
    ] = None
    max_size: Annotated[
        int,
        Rule("Maximum size of the cache, in bytes", parse_max_size),
    ] = 10 << 30
    max_files: Annotated[
        int,
        Rule("Maximum number of cached objects", parse_limit),
    ] = 100_000
    max_age: Annotated[
        float,
        Rule("Age after which s3d revalidates a cached object with the remote", parse_age),
    ] = 60.0
    filter: Annotated[
        Filter,
        Rule("Objects to cache; empty: all", Filter.parse, lines=True),
    ] = EVERYTHING
    serve_stale: Annotated[
        bool,
        Rule("Serve stale objects, marked as stale, while the remote is unreachable", parse_bool),
    ] = True
    request_price: Annotated[
        float,
        Rule("What 1,000 GET requests to the remote cost, to show what is saved", parse_price),
    ] = 0.0
    traffic_price: Annotated[
        float,
        Rule("What 1 GB from the remote costs, to show what is saved", parse_price),
    ] = 0.0


class BandwidthConfig(msgspec.Struct, frozen=True, kw_only=True):
    """[bandwidth]: limits by what the traffic is for, below bandwidth_timetable for all of it.

    The pushes of the write queue have write_queue.bandwidth.
    """

    clients: Annotated[
        BandwidthTimetable,
        Rule(
            "Limit of what clients exchange with the remote, UP:DOWN",
            parse_bandwidth_timetable,
        ),
    ] = BandwidthTimetable()
    sync: Annotated[
        BandwidthTimetable,
        Rule("Limit of all sync folders together, UP:DOWN", parse_bandwidth_timetable),
    ] = BandwidthTimetable()
    prefetch: Annotated[
        BandwidthTimetable,
        Rule("Limit of prefetches and pins together", parse_bandwidth_timetable),
    ] = BandwidthTimetable()
    transfers: Annotated[
        BandwidthTimetable,
        Rule(
            "Limit of the uploads, downloads and copies of s3d, UP:DOWN",
            parse_bandwidth_timetable,
        ),
    ] = BandwidthTimetable()
