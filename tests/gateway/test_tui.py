"""The terminal app in a real terminal, before a real agent whose remote is SeaweedFS: what
section 6 of its design asks for, as far as a machine can judge it."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from s3d.cli.client.cache_client import CacheClient
from s3d.shared.syncing import FolderSpec
from tests.gateway.conftest import Gateway
from tests.gateway.network import Network
from tests.terminal import NEEDS_TMUX, Terminal

pytestmark = [NEEDS_TMUX, pytest.mark.slow]

EVIL = ("[red]x[/red]", "[/]", "[@click=app.quit]q[/]", "a\x1b]0;PWNED\x07", "nl\nkey",
        "日本語", "n" * 250)  # fmt: skip
AT_ONCE = 0.5
"""Seconds of CPU of the app after which a screen is there. On a machine with nothing else to do
they are those of the clock; here many tests run at once."""


def cpu_of(pid: int) -> float:
    """Seconds, all threads, since the process began."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


class App:
    """The app in its terminal, with the agent that it is before."""

    def __init__(self, gateway: Gateway, folder: Path) -> None:
        self.gateway = gateway
        agent = gateway.agent
        env = {**agent.env, "PATH": os.environ["PATH"], "HOME": str(folder)}
        self.terminal = Terminal(folder, env, sys.executable, "-m", "s3d", "tui")

    def at_once(self, text: str, seconds: float = AT_ONCE) -> None:
        """It is seen, and the app needs at most so many seconds of CPU for that."""
        pid = self.terminal.pid
        before = cpu_of(pid)
        self.terminal.until(text)
        assert cpu_of(pid) - before < seconds, text

    def go(self, place: str) -> None:
        """To a level of Buckets."""
        terminal = self.terminal
        terminal.press("2", "C-g")
        terminal.until("tab completes")
        terminal.press("C-u")
        terminal.until("a name, s3://BUCKET/KEY, an ARN, a URL, or :command")
        terminal.write(f"{place}/")
        terminal.press("Enter")


@pytest.fixture
def app(gateway: Gateway, new_bucket: str, tmp_path: Path) -> Iterator[App]:
    """Connected, with a bucket at the remote."""
    gateway.start()
    folder = tmp_path / "person"
    folder.mkdir()
    app = App(gateway, folder)
    app.terminal.until("connected  agent")
    yield app
    app.terminal.close()


def test_2_and_15_tabs_come_at_once(app: App) -> None:
    for number, title in enumerate(
        ("Dashboard", "Buckets", "Transfers", "Cache", "Sync", "Logs"), 1
    ):
        app.terminal.press(str(number))
        app.at_once(f"[{number} {title}")


def test_3_and_4_many_keys_are_there_while_they_come(
    app: App, new_bucket: str, remote: Any
) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(8) as pool:
        put = lambda n: remote.put_object(Bucket=new_bucket, Key=f"part-{n:05}", Body=b"")  # noqa: E731
        list(pool.map(put, range(2_500)))
    terminal = app.terminal
    app.go(new_bucket)
    app.at_once("part-00000")
    terminal.press("G")
    terminal.until(f"{new_bucket}/: 2,500 rows")
    terminal.press("G")
    app.at_once("part-02499", 0.3)
    terminal.press("/")
    terminal.until("-f letters")
    terminal.write("499")
    app.at_once("filter: 499")
    terminal.once(lambda shown: "part-00498" not in shown, "what the filter leaves")
    terminal.press("Escape")
    terminal.until("2,500 rows")


def test_5_hostile_keys_are_text(app: App, new_bucket: str, remote: Any) -> None:
    for key in EVIL:
        remote.put_object(Bucket=new_bucket, Key=key, Body=key.encode())
    terminal = app.terminal
    title = terminal.title
    app.go(new_bucket)
    terminal.until(f"{new_bucket}/: {len(EVIL)} rows")
    terminal.press("G")
    for _ in range(4):  # the others are prefixes
        terminal.press("v")
        terminal.until("esc closes")
        terminal.leave("esc closes")
        terminal.press("Space", "D")
        terminal.until("y  yes")
        terminal.press("n")
        terminal.leave("1 marked")
        terminal.press("k")
    for text in ("a␛]0;PWNED␇", "[red]x[/", "[/", "[@click=app.quit]q[/", "nl␊key", "日本語"):
        terminal.until(text)
    assert terminal.title == title
    assert len(remote.list_objects_v2(Bucket=new_bucket)["Contents"]) == len(EVIL)


def test_6_a_preview_reads_a_little(
    app: App, new_bucket: str, remote: Any, network: Network
) -> None:
    remote.put_object(Bucket=new_bucket, Key="a.json", Body=b'{"a":{"b":[1,2]}}')
    remote.put_object(Bucket=new_bucket, Key="b.csv", Body=b"name,size\nx,1\n")
    remote.put_object(Bucket=new_bucket, Key="z.bin", Body=bytes(24 << 20))
    terminal = app.terminal
    app.go(new_bucket)
    terminal.until("z.bin")
    terminal.press("j", "v")
    terminal.until('"b": [')
    terminal.leave("esc closes")
    terminal.press("j", "v")
    terminal.until("name  size")
    terminal.leave("esc closes")
    network.take_seen()
    terminal.press("j", "v")
    terminal.until("00000000  00 00")
    assert app.gateway.agent.client.status().cache.fetched_bytes < 2 << 20, "a block of the cache"


def test_7_what_is_marked_comes_down(
    app: App, new_bucket: str, remote: Any, tmp_path: Path
) -> None:
    for n in range(8):
        remote.put_object(Bucket=new_bucket, Key=f"k{n}", Body=b"x" * 100)
    terminal = app.terminal
    app.go(new_bucket)
    terminal.until("k7")
    terminal.press("j", "Space", "Space", "Space", *["S-Down"] * 5)
    terminal.until("8 marked, 800 B")
    terminal.press("d")
    app.at_once("8 objects, 800 B")
    terminal.rewrite("Into", "~/here")
    terminal.press("Enter")
    terminal.until("$ s3d cp")
    terminal.press("3")
    terminal.once(lambda shown: shown.count("✓ done") == 8, "eight that are done")
    assert len(list((tmp_path / "person/here").iterdir())) == 8


def test_8_and_9_an_upload_moves_waits_and_is_limited(
    app: App, new_bucket: str, network: Network
) -> None:
    s3 = app.gateway.agent.s3()
    terminal = app.terminal
    terminal.press("3", "b")
    terminal.until("Bytes per second")
    terminal.rewrite("Bytes per second", "1MiB")
    terminal.press("Enter")
    terminal.until("$ s3d bandwidth 1MiB")
    s3.put_object(Bucket=new_bucket, Key="big", Body=bytes(32 << 20))
    terminal.once(lambda shown: "MiB/s" in shown and "%" in _row(shown, "big"), "a bar")
    shares = set[str]()

    def has_moved(shown: str) -> bool:
        shares.add(_row(shown, "big"))
        return len(shares) >= 4

    terminal.once(has_moved, "a bar that moves")
    terminal.press("P")
    terminal.until("Paused")
    terminal.press("P", "b")
    terminal.until("Bytes per second")
    terminal.press("Enter")
    terminal.once(lambda shown: "Paused" not in shown, "no pause")
    app.gateway.drain()
    terminal.once(lambda shown: not _row(shown, "big"), "the end of it")


def test_9_a_write_that_the_remote_refuses_says_why(app: App, new_bucket: str, remote: Any) -> None:
    bucket = f"{new_bucket}-2"
    remote.create_bucket(Bucket=bucket)
    terminal = app.terminal
    terminal.press("3", "P")
    terminal.until("Paused")
    app.gateway.agent.s3().put_object(Bucket=bucket, Key="k", Body=b"kept")
    terminal.until("waiting 1")
    remote.delete_bucket(Bucket=bucket)
    terminal.press("P")
    terminal.until("failed: NoSuchBucket")
    for text in ("NoSuchBucket (HTTP 404)", "request id", "Your data is safe on this machine"):
        terminal.until(text)
    terminal.press("r")
    terminal.until("try 2")
    remote.create_bucket(Bucket=bucket)
    terminal.press("R")
    terminal.once(lambda shown: "failed: No" not in shown, "another state")
    app.gateway.drain()
    assert remote.get_object(Bucket=bucket, Key="k")["Body"].read() == b"kept"


def test_10_an_agent_that_was_killed_is_found_again(
    app: App, new_bucket: str, remote: Any, network: Network
) -> None:
    for n in range(5):
        remote.put_object(Bucket=new_bucket, Key=f"k{n}", Body=b"x")
    terminal = app.terminal
    app.go(new_bucket)
    terminal.until("k4")
    terminal.press("j", "j", "Space")
    terminal.until("1 marked")
    app.gateway.agent.s3().put_object(Bucket=new_bucket, Key="mine", Body=b"kept")
    os.kill(app.gateway.agent.process.pid, signal.SIGKILL)
    app.gateway.agent.process.wait()
    terminal.until("agent isn't responding")
    terminal.until("k4")
    terminal.press("D")
    terminal.until("Not done: the agent")
    app.gateway.start()
    terminal.until("connected  agent")
    terminal.until("1 marked")
    terminal.once(lambda shown: "◆ k1" in shown or "◆k1" in shown, "the mark")
    app.gateway.drain()
    assert remote.get_object(Bucket=new_bucket, Key="mine")["Body"].read() == b"kept"


def test_11_an_agent_that_hangs_is_told_and_comes_back(app: App) -> None:
    pid = app.gateway.agent.process.pid
    os.kill(pid, signal.SIGSTOP)
    try:
        app.terminal.until("agent isn't responding")
        app.terminal.press("3")
        app.at_once("[3 Transfers")
    finally:
        os.kill(pid, signal.SIGCONT)
    app.terminal.until("connected  agent")


def test_12_pins_and_prefetches(app: App, new_bucket: str, remote: Any, network: Network) -> None:
    for n in range(3):
        remote.put_object(Bucket=new_bucket, Key=f"p/k{n}", Body=b"x" * 1000)
    terminal = app.terminal
    app.go(new_bucket)
    terminal.until(" p/ ")
    terminal.press("j", "p")
    terminal.until("pinned: ")
    terminal.press("4")
    terminal.until("(3 objects)")
    terminal.until("P pinned")
    cache = CacheClient(app.gateway.agent.client)
    assert [pin.pin.prefix for pin in cache.pins()] == ["p/"]
    network.go_away()
    app.gateway.agent.s3().put_object(Bucket=new_bucket, Key="p/k0", Body=b"newer")
    terminal.until("3 Transfers 1")
    terminal.until("↑ pending")
    terminal.press("g", "j", "E")
    terminal.until("evict a pending write")
    network.come_back()


def test_13_a_folder_is_written_and_judged(app: App, new_bucket: str, tmp_path: Path) -> None:
    notes = tmp_path / "person/notes"
    notes.mkdir()
    for name in ("a.md", "b.tmp"):
        (notes / name).write_text("x")
    terminal = app.terminal
    terminal.press("5", "n")
    terminal.until("New folder")
    terminal.until_at("Local folder")
    terminal.write("/")
    terminal.until("✗ it is the root of the file system")
    terminal.write(f"{notes}"[1:])
    terminal.until("✓ exists, writable, 2 files")
    terminal.tab_to("Bucket")
    terminal.write("nowhere-at-all")
    terminal.until("✗ NoSuchBucket")
    terminal.press(*["BSpace"] * 20)
    terminal.until("right arrow completes")
    terminal.press("C-s")
    terminal.until("✗ Enter a bucket")
    terminal.write(new_bucket)
    terminal.until("✓ reachable")
    for label in ("Prefix", "Mode", "Filter"):
        terminal.tab_to(label)
    terminal.write("!*/*.tmp")
    terminal.until("1 included, 1 excluded")
    terminal.press("C-t")
    terminal.until("upload 1")
    terminal.leave("upload 1")
    assert app.gateway.agent.client.status().sync == []
    terminal.press("C-s")
    terminal.until("notes saved")
    terminal.until("up to date")


def test_14_a_conflict_is_seen_and_ended(app: App, new_bucket: str, tmp_path: Path) -> None:
    from s3d.cli.client.sync_client import SyncClient

    notes = tmp_path / "person/notes"
    notes.mkdir()
    (notes / "todo.md").write_text("# To do\nbuy milk\n")
    agent = app.gateway.agent
    agent.s3().put_object(Bucket=new_bucket, Key="n/todo.md", Body=b"# To do\nbuy tea\n")
    sync = SyncClient(agent.client)
    sync.save("notes", FolderSpec(str(notes), new_bucket, "n/"))
    terminal = app.terminal
    terminal.press("5")
    terminal.until("! 1 conflict")
    terminal.press("c")
    terminal.until("Conflicts of notes")  # the pane behind names the copy, too
    terminal.until("> todo.md")
    terminal.press("=")
    for line in ("@@", "-buy tea", "+buy milk"):  # a screen may come in two writes
        terminal.until(line)
    terminal.leave("@@")
    terminal.press("b")
    terminal.until("No conflicts left")
    assert len(list(notes.glob("todo*"))) == 2
    terminal.press("Escape")
    terminal.until("up to date")


def _row(shown: str, key: str) -> str:
    return next((line for line in shown.splitlines() if f"/{key} " in line), "")
