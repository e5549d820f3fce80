"""ObjectStore, the one interface between front ends, layers and stores; and its two base classes.

A Layer wraps another store and handles some operations itself; a TerminalStore ends the stack.
Handlers are methods marked with @operation, found once, when the class is instantiated.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Sequence
from typing import Any, ClassVar, Generic, NamedTuple, Protocol, TypeVar

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Out, S3Request, S3Response
from s3d.agent.s3.model import operations

Answer = Awaitable[S3Response[Any]]
Handler = Callable[[Any, S3Request[Any]], Answer]
H = TypeVar("H", bound=Callable[..., Any])

_MARK = "_s3_operations"


class ObjectStore(Protocol):
    """Answers S3 operations. S3Error is raised by the call itself or when its result is awaited."""

    def call(self, request: S3Request[Any]) -> Answer: ...


class AccessControl(Protocol):
    """The layer of a stack that decides whether a principal may do what a request asks for.

    Its call() decides about every request. authorize() does the same before a document is read, so
    that a client that waits for 100 Continue learns of a refusal first.
    """

    @property
    def admits_anonymous(self) -> bool:
        """Whether a request without a signature may be granted anything."""

    def authorize(self, request: S3Request[Any]) -> None:
        """Raise S3Error AccessDenied, or what hides behind it (NoSuchBucket).

        request: without the members of its document. It must not wait: what it reads is in memory
        or in the index.
        """


class ConnectionDropped(Exception):
    """Raised by a store that wants a client to get no answer: the connection is to be reset."""


class Completed(Generic[Out]):
    """A response that needs no waiting: awaitable, or read as .response without a coroutine.

    It spares a request that is answered from memory the cost of a task switch.
    """

    __slots__ = ("response",)

    def __init__(self, response: S3Response[Out]) -> None:
        self.response = response

    def __await__(self) -> Generator[Any, None, S3Response[Out]]:
        return self.response
        yield  # pragma: no cover - makes this a generator


def operation(*names: str) -> Callable[[H], H]:
    """Mark a method as the handler of the named S3 operations."""

    def mark(handler: H) -> H:
        setattr(handler, _MARK, names)
        return handler

    return mark


def handlers_of(owner: type) -> dict[str, str]:
    """Operation name -> attribute name of the handler, checked against the model.

    Raises TypeError for a name that the model does not know and for two handlers of one name.
    """
    found: dict[str, str] = {}
    for attribute in dir(owner):
        for name in getattr(getattr(owner, attribute), _MARK, ()):
            if name not in operations():
                raise TypeError(f"{owner.__name__}.{attribute}: S3 has no operation {name}")
            if name in found:
                raise TypeError(f"{owner.__name__}: two handlers for {name}")
            found[name] = attribute
    return found


class HandlerTable:
    """Operation name -> handler, from the marked methods of several objects."""

    def __init__(self, *parts: object) -> None:
        self.table: dict[str, Callable[[S3Request[Any]], Answer]] = {}
        for part in parts:
            for name, attribute in handlers_of(type(part)).items():
                if name in self.table:
                    raise TypeError(f"two objects handle {name}")
                self.table[name] = getattr(part, attribute)


class TerminalStore:
    """Base of stores at the bottom of a stack: an operation without a handler is refused (501)."""

    def __init__(self, *parts: object) -> None:
        self._handlers = HandlerTable(self, *parts).table

    def call(self, request: S3Request[Any]) -> Answer:
        handler = self._handlers.get(request.op.name)
        if handler is None:
            raise S3Error("NotImplemented")
        return handler(request)


class Layer:
    """Base of stores that wrap another one.

    fallback() gets the operations that have no handler; by default it passes them to inner.
    """

    only_with_header: ClassVar[str] = ""
    """Lower-case name of a header: fallback() gets only the requests that came with it. "": all."""

    def __init__(self, inner: ObjectStore, *parts: object) -> None:
        self.inner = inner
        self._handlers = HandlerTable(self, *parts).table
        self._has_fallback = type(self).fallback is not Layer.fallback

    def call(self, request: S3Request[Any]) -> Answer:
        handler = self._handlers.get(request.op.name)
        if handler is not None:
            return handler(request)
        if not self._has_fallback or (
            self.only_with_header and not _has_header(request, self.only_with_header)
        ):
            return self.inner.call(request)
        return self.fallback(request)

    def fallback(self, request: S3Request[Any]) -> Answer:
        return self.inner.call(request)


def _has_header(request: S3Request[Any], name: str) -> bool:
    """Whether a client has sent the header."""
    if request.wire is not None:
        for header in request.wire.headers:
            if header[0] == name:
                return True
    return False


class LayerRow(NamedTuple):
    """One layer in the table of a stack."""

    name: str
    construct: Callable[[ObjectStore], ObjectStore]
    """Wraps the store below."""


def construct_layers(
    rows: Sequence[LayerRow],
    bottom: ObjectStore,
    observe: Callable[[ObjectStore, str], ObjectStore] = lambda layer, name: layer,
) -> dict[str, ObjectStore]:
    """Name -> layer, from the bottom up; each wraps the one before. rows: from the top down.

    observe: wraps a layer of this name, to count its calls.
    """
    layers: dict[str, ObjectStore] = {}
    store = bottom
    for row in reversed(rows):
        store = layers[row.name] = observe(row.construct(store), row.name)
    return layers
