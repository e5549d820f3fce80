"""kill -9 while writing: what was acknowledged is there, whole, and no file is left behind."""

import asyncio
import random
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from s3d.agent.storage.reader import known_blobs
from tests.agent.stores.local.crash_writer import BUCKET, content, open_store
from tests.contract.client import Client

ROOT = Path(__file__).parents[4]


class Journal:
    """What the writer said of each key: what is acknowledged, and what is under way."""

    def __init__(self) -> None:
        self.allowed: dict[str, list[tuple[int, int]]] = defaultdict(lambda: [(0, -1)])
        self.acknowledged = 0

    def read(self, line: str) -> None:
        word, key, *rest = line.split()
        if word == "ask":
            self.allowed[key].append((int(rest[0]), int(rest[1])))
        else:
            self.allowed[key] = self.allowed[key][-1:]
            self.acknowledged += 1


def crash(folder: Path, seed: int, after: int, journal: Journal, encryption: str = "") -> None:
    """Write until there are so many acknowledgements, and kill; the last line may be torn."""
    command = [
        sys.executable,
        "-m",
        "tests.agent.stores.local.crash_writer",
        str(folder),
        str(seed),
        encryption,
    ]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.endswith("\n"):
                journal.read(line)
            if journal.acknowledged >= after:
                process.kill()
    assert journal.acknowledged >= after


async def check(folder: Path, journal: Journal) -> None:
    index, store = open_store(folder)
    s3 = Client(store)
    try:
        kept = await s3.keys(BUCKET)
        assert set(kept) <= set(journal.allowed)
        for key, allowed in journal.allowed.items():
            found = await s3.read(BUCKET, key) if key in kept else None
            journal.allowed[key] = [one for one in allowed if content(*one) == found]
            assert journal.allowed[key], key
        assert (await store.sweep()).lost == 0  # a kill is no reason to doubt the index
        files = [int(path.name) for path in (folder / "blobs").glob("*/*")]
        assert index.read_inline(lambda reader: known_blobs(reader, files)) == set(files)
    finally:
        index.close()


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "encryption"), [(0, ""), (1, "SSE-S3")])
def test_kill_under_load(tmp_path, seed, encryption):
    chance = random.Random(seed)
    journal = Journal()
    for round in range(3):
        after = journal.acknowledged + chance.randrange(20, 120)
        crash(tmp_path, seed * 100 + round, after, journal, encryption)
        asyncio.run(check(tmp_path, journal))


@pytest.mark.torture
@pytest.mark.parametrize("seed", range(100, 125))
def test_kill_under_load_often(tmp_path, seed):
    chance = random.Random(seed)
    journal = Journal()
    for round in range(20):
        after = journal.acknowledged + chance.randrange(1, 200)
        crash(tmp_path, seed * 100 + round, after, journal, "SSE-S3" if seed % 2 else "")
        asyncio.run(check(tmp_path, journal))
