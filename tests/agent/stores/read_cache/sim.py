"""Traces and policies to hold the cache's own against: Zipf with bursts of keys seen once."""

from __future__ import annotations

import bisect
import itertools
import random
from collections import OrderedDict
from collections.abc import Iterator

from s3d.agent.stores.read_cache.catalog.s3_fifo import Fifo

OBJECTS = 20_000
REQUESTS = 160_000


def zipf(alpha: float, seed: int = 7) -> Iterator[int]:
    """Objects by popularity, OBJECTS different ones."""
    weights = list(itertools.accumulate(1 / rank**alpha for rank in range(1, OBJECTS + 1)))
    random_ = random.Random(seed)
    names = list(range(OBJECTS))
    random_.shuffle(names)
    for _ in range(REQUESTS):
        yield names[bisect.bisect_left(weights, random_.random() * weights[-1])]


def with_scans(trace: Iterator[int]) -> Iterator[int]:
    """After each tenth a burst of keys that nobody asks for again: a fifth of all requests."""
    new = itertools.count(OBJECTS)
    for number, name in enumerate(trace, 1):
        yield name
        if number % (REQUESTS // 10) == 0:
            yield from itertools.islice(new, REQUESTS // 40)


def hits_of_lru(trace: Iterator[int], room: int) -> float:
    cache: OrderedDict[int, None] = OrderedDict()
    hits = total = 0
    for name in trace:
        total += 1
        if name in cache:
            hits += 1
            cache.move_to_end(name)
            continue
        cache[name] = None
        if len(cache) > room:
            cache.popitem(last=False)
    return hits / total


def hits_of_fifo(trace: Iterator[int], room: int) -> float:
    fifo, slots, names = Fifo(), dict[int, int](), dict[int, int]()
    hits = total = 0
    for name in trace:
        total += 1
        slot = slots.get(name)
        if slot is not None:
            hits += 1
            fifo.touch(slot)
            continue
        while fifo.size + 1 > room:
            gone = fifo.evict(lambda _: False)
            assert gone is not None
            del slots[names.pop(gone)]
        slots[name] = slot = fifo.add(1, name)
        names[slot] = name
    return hits / total
