"""Counts the modules of s3d that one request enters, on all threads.

`python -m tests.architecture.trace_modules [-v] [CASE ...]` starts real agents, sends each request
of CASES with boto3 several times, and prints how many modules every repetition entered; -v lists
them with the functions that were called in each.
Timers of the agent that fire during one of the repetitions do not count, and neither does what
only the first request does (imports, connections, caches that are still empty).

The agent under trace is `s3d run` in a child process with a profile function in every thread. The
parent switches the recording on and off through the child's standard input.
"""

import json
import runpy
import socket
import subprocess
import sys
import tempfile
import threading
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import boto3
from botocore.client import BaseClient
from botocore.config import Config

from tests.agent_process import environment

ROOT = Path(__file__).parents[2]
SOURCES = str(ROOT / "s3d") + "/"
KEY = {"S3D_ACCESS_KEY_ID": "tracekey1234567", "S3D_SECRET_ACCESS_KEY": "tracesecret1234567"}
REPETITIONS = 6
START_TIMEOUT = 60.0
PUSH_TIMEOUT = 60.0
AFTER_PUSH = 0.3
"""Seconds that the queue has to record a push that has arrived. Fewer than between two measurements
of the loop's lag (app/process_metrics.py), which would fire in every repetition otherwise."""
BUCKET, LISTED = "bucket", 20


# ---------------------------------------------------------------- in the agent's process


class Recorder:
    """The functions of s3d that were called while it is on: (file, qualified name)."""

    def __init__(self) -> None:
        self.is_on = False
        self.functions: set[tuple[str, str]] = set()

    def install(self) -> None:
        """In this thread and in all that start from now on."""
        threading.setprofile(self._on_event)
        sys.setprofile(self._on_event)

    def obey(self) -> None:
        """Read commands from standard input: on; off, which answers with the functions."""
        for line in sys.stdin:
            if line.strip() == "on":
                self.functions.clear()
                self.is_on = True
            else:
                self.is_on = False
            print(f"TRACE {json.dumps(sorted(self.functions))}", flush=True)

    def _on_event(self, frame: FrameType, event: str, _: Any) -> None:
        if self.is_on and event == "call":
            file = frame.f_code.co_filename
            if file.startswith(SOURCES):
                self.functions.add((file, frame.f_code.co_qualname))


def run_agent() -> None:
    recorder = Recorder()
    threading.Thread(target=recorder.obey, daemon=True).start()
    recorder.install()
    sys.argv = ["s3d", "run"]
    runpy.run_module("s3d", run_name="__main__")


# ---------------------------------------------------------------- in the parent's process


class Call(NamedTuple):
    """A function that was called."""

    module: str
    name: str


class TracedAgent(NamedTuple):
    """An agent, a client of it, and the switch of its recorder."""

    client: BaseClient
    process: subprocess.Popen[str]

    def command(self, word: str) -> list[Call]:
        """What was called between "on" and "off"."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(word, file=self.process.stdin, flush=True)
        for line in self.process.stdout:
            if line.startswith("TRACE "):
                calls = json.loads(line.removeprefix("TRACE "))
                return [Call(module_of(file), name) for file, name in calls]
        raise RuntimeError("the agent has ended")

    def trace(self, request: Callable[[], Any]) -> set[Call]:
        self.command("on")
        request()
        return set(self.command("off"))


def module_of(file: str) -> str:
    parts = Path(file).relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@contextmanager
def started(home: Path, **settings: str) -> Iterator[tuple[TracedAgent, str]]:
    """An agent and its endpoint."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        endpoint = f"http://127.0.0.1:{listener.getsockname()[1]}"
    home.mkdir(mode=0o700)
    env = environment(home, **KEY, **settings) | {"S3D_ENDPOINT": endpoint}
    with (home / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.architecture.trace_modules", "--agent"],
            cwd=ROOT,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        client = client_of(endpoint)
        wait_for(client.list_buckets, START_TIMEOUT)
        yield TracedAgent(client, process), endpoint
    finally:
        process.kill()
        process.communicate()


def client_of(endpoint: str) -> BaseClient:
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id=KEY["S3D_ACCESS_KEY_ID"],
        aws_secret_access_key=KEY["S3D_SECRET_ACCESS_KEY"],
        region_name="us-east-1",
        config=Config(retries={"total_max_attempts": 1}),
    )


def wait_for(request: Callable[[], Any], timeout: float) -> None:
    """Until it succeeds. Raises its error after the time."""
    end, pause = time.monotonic() + timeout, threading.Event()
    while True:
        try:
            request()
            return
        except Exception:
            if time.monotonic() > end:
                raise
            pause.wait(0.05)


@contextmanager
def embedded(folder: Path) -> Iterator[TracedAgent]:
    with started(folder / "embedded") as (agent, _):
        agent.client.create_bucket(Bucket=BUCKET)
        for number in range(LISTED):
            agent.client.put_object(Bucket=BUCKET, Key=f"list/{number}", Body=b"x")
        agent.client.put_object(Bucket=BUCKET, Key="get", Body=b"value")
        yield agent


@contextmanager
def gateway(folder: Path, remote: list[BaseClient], **settings: str) -> Iterator[TracedAgent]:
    """An agent before another one. remote: gets the client of that one."""
    with started(folder / "remote") as (far, endpoint):
        remote.append(far.client)
        far.client.create_bucket(Bucket=BUCKET)
        far.client.put_object(Bucket=BUCKET, Key="get", Body=b"value")
        credentials = {
            "AWS_ACCESS_KEY_ID": KEY["S3D_ACCESS_KEY_ID"],
            "AWS_SECRET_ACCESS_KEY": KEY["S3D_SECRET_ACCESS_KEY"],
            "AWS_REGION": "us-east-1",
        }
        both = {"S3D_REMOTE": endpoint, **credentials, **settings}
        with started(folder / "gateway", **both) as (agent, _):
            yield agent


def put_embedded(folder: Path) -> Iterator[set[Call]]:
    with embedded(folder) as agent:
        for number in range(REPETITIONS):
            yield agent.trace(
                lambda key=f"put/{number}": agent.client.put_object(
                    Bucket=BUCKET, Key=key, Body=b"value"
                )
            )


def get_embedded(folder: Path) -> Iterator[set[Call]]:
    with embedded(folder) as agent:
        for _ in range(REPETITIONS):
            yield agent.trace(
                lambda: agent.client.get_object(Bucket=BUCKET, Key="get")["Body"].read()
            )


def list_embedded(folder: Path) -> Iterator[set[Call]]:
    with embedded(folder) as agent:
        for _ in range(REPETITIONS):
            yield agent.trace(lambda: agent.client.list_objects_v2(Bucket=BUCKET, Prefix="list/"))


def get_cached(folder: Path) -> Iterator[set[Call]]:
    with gateway(folder, [], S3D_READ_CACHE="true", S3D_WRITE_QUEUE="false") as agent:

        def get() -> None:
            agent.client.get_object(Bucket=BUCKET, Key="get")["Body"].read()

        for _ in range(3):
            get()
        for _ in range(REPETITIONS):
            yield agent.trace(get)


def put_queued(folder: Path) -> Iterator[set[Call]]:
    remote: list[BaseClient] = []
    with gateway(folder, remote, S3D_READ_CACHE="false", S3D_WRITE_QUEUE="true") as agent:

        def put(key: str) -> None:
            agent.client.put_object(Bucket=BUCKET, Key=key, Body=b"value")
            wait_for(lambda: remote[0].head_object(Bucket=BUCKET, Key=key), PUSH_TIMEOUT)
            threading.Event().wait(AFTER_PUSH)

        put("warm")
        for number in range(REPETITIONS):
            yield agent.trace(lambda key=f"put/{number}": put(key))


class Case(NamedTuple):
    """A request to trace."""

    traces: Callable[[Path], Iterator[set[Call]]]
    """Of its repetitions. Takes an empty folder."""
    most: int
    """Modules that it enters at most: only lowered. Up to two of a push are those of a timer."""
    goal: int


CASES = {
    "PUT embedded": Case(put_embedded, most=34, goal=24),
    "GET embedded": Case(get_embedded, most=17, goal=18),
    "GET cached": Case(get_cached, most=21, goal=22),
    "LIST embedded": Case(list_embedded, most=20, goal=20),
    "PUT queued and pushed": Case(put_queued, most=92, goal=45),
}


def traced(case: Case) -> dict[str, list[str]]:
    """The functions that every repetition called, by module."""
    with tempfile.TemporaryDirectory(prefix="s3d-trace-") as folder:
        calls = set.intersection(*case.traces(Path(folder)))
    found: dict[str, list[str]] = {}
    for call in sorted(calls):
        found.setdefault(call.module, []).append(call.name)
    return found


def main() -> None:
    parser = ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("-v", action="store_true", help="list the modules")
    parser.add_argument("cases", nargs="*", help="parts of the names of cases")
    wanted = parser.parse_args()
    for name, case in CASES.items():
        if wanted.cases and not any(part in name for part in wanted.cases):
            continue
        modules = traced(case)
        print(f"{name}: {len(modules)} modules, goal {case.goal}", flush=True)
        if wanted.v:
            for module, names in modules.items():
                print(f"    {module}: {', '.join(names)}")


if __name__ == "__main__":
    run_agent() if sys.argv[1:] == ["--agent"] else main()
