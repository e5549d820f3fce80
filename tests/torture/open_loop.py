"""Programs that load an agent or measure it, each a process: `python -m tests.torture.open_loop`.

    requests FILE RATE SECONDS    GET and PUT in turn; FILE: a RequestPlan as JSON
    opens FOLDER RATE SECONDS     open, read and close one file of the folder after the other
    busy FOLDER TAR SECONDS PACE  read files, ls -l and unpack, and begin anew after PACE seconds,
                                  or at once if that took longer
    fill FILE COUNT               send so many PUTs, as fast as possible

`requests` and `opens` have a fixed rate and measure from the time at which a request was due, so
that one that has to wait for the one before counts its wait, too. Each prints one line of JSON.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

WORKERS = 8
"""Requests that may be under way at once."""


class RequestPlan(NamedTuple):
    """What `requests` sends. The paths are signed already, which costs no CPU while it measures."""

    port: int
    gets: list[str]
    puts: list[str]
    body: int
    """Bytes of a PUT."""


Send = Callable[[int], str]
"""Sends the request of a number; its kind."""


def measure(make: Callable[[], Send], rate: float, seconds: float) -> dict[str, list[float]]:
    """The seconds of each request by kind. make: called once in each worker."""
    taken: dict[str, list[float]] = {}
    numbers = iter(range(int(rate * seconds)))
    lock = threading.Lock()
    start = time.monotonic() + 0.2
    failures: list[BaseException] = []
    ended = threading.Event()

    def work() -> None:
        try:
            send = make()
            while True:
                with lock:
                    number = next(numbers, None)
                if number is None:
                    return
                due = start + number / rate
                if ended.wait(max(0.0, due - time.monotonic())):
                    return
                kind = send(number)
                seconds = time.monotonic() - due
                with lock:
                    taken.setdefault(kind, []).append(seconds)
        except BaseException as error:  # noqa: BLE001 - raised below
            failures.append(error)
            ended.set()

    workers = [threading.Thread(target=work) for _ in range(WORKERS)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if failures:
        raise failures[0]
    return taken


def sender(plan: RequestPlan) -> Send:
    connection = http.client.HTTPConnection("127.0.0.1", plan.port, timeout=60)
    body = bytes(plan.body)

    def send(number: int) -> str:
        is_get, turn = number % 2 == 0, number // 2
        paths = plan.gets if is_get else plan.puts
        kind = "GET" if is_get else "PUT"
        connection.request(kind, paths[turn % len(paths)], body=None if is_get else body)
        response = connection.getresponse()
        data = response.read()
        assert response.status == 200, data
        return kind

    return send


def opener(folder: Path) -> Send:
    paths = sorted(folder.iterdir())

    def send(number: int) -> str:
        descriptor = os.open(paths[number % len(paths)], os.O_RDONLY)
        try:
            assert os.read(descriptor, 4096)
        finally:
            os.close(descriptor)
        return "open"

    return send


def be_busy(folder: Path, tar: Path, seconds: float, pace: float) -> int:
    """How often everything was done."""
    start = time.monotonic()
    times, pause = 0, threading.Event()
    while time.monotonic() < start + seconds:
        pause.wait(max(0.0, start + times * pace - time.monotonic()))
        for path in sorted((folder / "cached").iterdir()):
            path.read_bytes()
        subprocess.run(["ls", "-l", folder / "cached"], check=True, stdout=subprocess.DEVNULL)
        target = folder / f"unpacked-{os.getpid()}-{times}"
        target.mkdir()
        subprocess.run(["tar", "-xf", tar, "-C", target], check=True)
        shutil.rmtree(target)
        times += 1
    return times


def main(kind: str, where: str, *more: str) -> None:
    if kind == "busy":
        print(json.dumps(be_busy(Path(where), Path(more[0]), float(more[1]), float(more[2]))))
        return
    if kind == "fill":
        send = sender(RequestPlan(**json.loads(Path(where).read_text())))
        for number in range(int(more[0])):
            send(2 * number + 1)
        print(json.dumps(int(more[0])))
        return
    rate, seconds = map(float, more)
    if kind == "requests":
        plan = RequestPlan(**json.loads(Path(where).read_text()))
        taken = measure(lambda: sender(plan), rate, seconds)
    else:
        taken = measure(lambda: opener(Path(where)), rate, seconds)
    print(json.dumps(taken))


if __name__ == "__main__":
    main(*sys.argv[1:])
