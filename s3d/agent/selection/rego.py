"""A policy in Rego, evaluated in this process by regopy (the extra opa), in a thread of its own.

It is planned once and read again when its files change; a broken change keeps what was there.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Any

from s3d.agent.selection.decision import ENTRY, Decision, Document, PolicyUnavailable, decision_of
from s3d.agent.selection.self_test import POLICY, first_wrong
from s3d.agent.selection.worker import Worker
from s3d.shared.errors import UsageError

logger = logging.getLogger(__name__)

TIMEOUT = 0.25
"""Seconds for a decision."""
LOOK = 1.0
"""Seconds between two looks at the files."""

_ERROR = re.compile(r"\(error \d+:([^|]*)\|(\d+)\|\d+\s*\(errormsg \d+:(.*?)\)", re.DOTALL)
_FAILED = "<error>"
"""What regopy answers when there is no answer; it does not say why."""
_FORBIDDEN = re.compile(r"\b(http\.send|net\.\w+|opa\.runtime)\b")

Stamp = tuple[tuple[str, int, int], ...]


class PolicyError(UsageError):
    """A policy that cannot be used."""


class RegoEngine:
    """path: a .rego file, or a folder of them with a data.json if there is one.

    Raises PolicyError for a policy that cannot be used.
    """

    def __init__(
        self, path: Path, timeout: float = TIMEOUT, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.version = 0
        self._broken = ""
        self._error = ""
        self._late: Future[Any] | None = None
        self._path = path
        self._timeout = timeout
        self._clock = clock
        self._thread = Worker("policy")
        try:
            self._stamp = _stamp(path)
            self._thread.submit(_test).result()
            self._ask = self._thread.submit(_load, path).result()
        except (OSError, PolicyError) as error:
            self._thread.close()
            if isinstance(error, PolicyError):
                raise
            raise _unreadable(path, error) from error
        self._looked = clock()

    @property
    def trouble(self) -> str:
        """What is wrong with the files, or the last failure; "" after a decision."""
        return self._broken or (f"the policy does not decide: {self._error}" * bool(self._error))

    async def decide(self, document: Document) -> Decision:
        """Raises PolicyUnavailable."""
        try:
            decision = decision_of(await self._asked(document))
        except PolicyUnavailable as error:
            self._error = str(error)
            raise
        self._error = ""
        return decision

    async def _asked(self, document: Document) -> Any:
        """Behind an evaluation that is late already, nobody waits."""
        late = PolicyUnavailable(f"no decision within {self._timeout:g} s")
        if self._late is not None and not self._late.done():
            raise late
        future = self._thread.submit(self._evaluate, document)
        try:
            async with asyncio.timeout(self._timeout):
                return await asyncio.wrap_future(future)
        except TimeoutError:
            if not future.done():  # what had not begun is cancelled
                self._late = future
            raise late from None

    async def look(self) -> None:
        """Read the policy again if it has changed; not while a decision takes too long."""
        is_late = self._late is not None and not self._late.done()
        if self._clock() - self._looked >= LOOK and not is_late:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._timeout):
                    await asyncio.wrap_future(self._thread.submit(self._look))

    async def close(self) -> None:
        """A decision that takes too long is not waited for."""
        self._thread.close()

    def _evaluate(self, document: Document) -> Any:
        self._look()
        return self._ask(document)

    def _look(self) -> None:
        """Read the policy again if it has changed."""
        if self._clock() - self._looked < LOOK:
            return
        self._looked = self._clock()
        try:
            stamp = _stamp(self._path)
            if stamp == self._stamp:
                return
            self._stamp = stamp
            self._ask = _load(self._path)
        except (OSError, PolicyError) as error:
            why = error.detail if isinstance(error, PolicyError) else str(error)
            if isinstance(error, OSError):
                self._stamp = ()  # what was away is read when it is back, and be it the same
            self._broken = f"the policy before this change stays in use: {why}"
            logger.warning("the policy cannot be read: %s", why)
            return
        self.version += 1
        self._broken = ""
        logger.info("the policy was read again path=%s", self._path)


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return sorted([*path.rglob("*.rego"), *path.glob("data.json")])


def _stamp(path: Path) -> Stamp:
    found = [(str(file), file.stat()) for file in _files(path)]
    return tuple((name, stat.st_mtime_ns, stat.st_size) for name, stat in found)


def _load(path: Path) -> Callable[[Document], Any]:
    """A function from the input document to the decision. Raises PolicyError, OSError."""
    root = path if path.is_dir() else path.parent
    sources = {str(file.relative_to(root)): _text(file) for file in _files(path)}
    if not any(name != "data.json" for name in sources):
        raise PolicyError("there is no policy", f"{path} has no .rego file", "see S3D_OPA_POLICY")
    return _planned(path, sources)


def _text(file: Path) -> str:
    """Raises PolicyError, OSError."""
    try:
        return file.read_text("utf-8")
    except UnicodeDecodeError as error:
        why = f"{file}: byte {error.start + 1} is not UTF-8"
        raise PolicyError("the policy cannot be read", why, "see S3D_OPA_POLICY") from None


def _test() -> None:
    """See that regopy decides as it should. Raises PolicyError."""
    wrong = first_wrong(_planned(Path("self-test"), {"self_test.rego": POLICY}))
    if wrong:
        raise PolicyError("regopy is not to be trusted here", wrong, "use S3D_OPA_URL instead")


def _planned(path: Path, sources: dict[str, str]) -> Callable[[Document], Any]:
    try:
        from regopy import Interpreter, LogLevel, RegoError
    except ImportError as error:
        remedy = "pip install 's3d-agent[opa]'"
        raise PolicyError("no policy can be evaluated", "regopy is missing", remedy) from error
    rego: Any = Interpreter()  # type: ignore[no-untyped-call]
    rego.log_level = LogLevel.NONE
    try:
        for name, source in sources.items():
            _check(path, name, source)
            if name == "data.json":
                rego.add_data(json.loads(source))
            else:
                rego.add_module(name, source)
        bundle = rego.build(None, [ENTRY])
    except (RegoError, ValueError) as error:
        raise _refused(path, sources, str(error)) from error

    def ask(document: Document) -> Any:
        try:
            # As text: regopy escapes nothing of a value, neither in strings of its answer.
            rego.set_input_term(json.dumps(document, ensure_ascii=False))
            output = rego.query_bundle_entrypoint(bundle, ENTRY)
            text = str(output)
            if text.strip() == _FAILED:
                raise PolicyUnavailable(f"{ENTRY} fails: two rules of it may say different things")
            found = json.loads(text, object_pairs_hook=_once)["expressions"]
        except (RegoError, ValueError, KeyError, TypeError, RecursionError):
            raise PolicyUnavailable(f"{ENTRY} is undefined") from None
        if not found:
            raise PolicyUnavailable(f"{ENTRY} is undefined")
        return found[0]

    return ask


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON. One that says the same thing twice says nothing."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name is there twice")
    return found


def _check(path: Path, name: str, source: str) -> None:
    """A policy decides by what it is told: it does not look elsewhere."""
    for number, line in enumerate(source.splitlines(), 1):
        found = _FORBIDDEN.search(line.partition("#")[0])
        if found and name != "data.json":
            where = f"{path}: {name}:{number}: {found[1]} is not to be had"
            raise PolicyError("the policy cannot be used", where, "decide by input and data alone")


def _refused(path: Path, sources: dict[str, str], text: str) -> PolicyError:
    found = _ERROR.search(text)
    why = text.strip()
    if found:
        name, offset, message = found[1], int(found[2]), found[3]
        line = sources.get(name, "").encode()[:offset].count(b"\n") + 1
        why = f"{name}:{line}: {message}"
    return PolicyError("the policy cannot be read", f"{path}: {why}", "see S3D_OPA_POLICY")


def _unreadable(path: Path, error: OSError) -> PolicyError:
    why = f"{path}: {error.strerror or error}"
    return PolicyError("the policy cannot be read", why, "set S3D_OPA_POLICY to a .rego file")
