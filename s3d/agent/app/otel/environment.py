"""The standard OTEL_* variables, as far as s3d itself evaluates them. Pure; imports no SDK.

The exporters evaluate the others (endpoints, headers, time-outs, certificates, compression), and
the resource OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES.
https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
https://opentelemetry.io/docs/specs/otel/protocol/exporter/
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import NamedTuple
from urllib.parse import unquote

from s3d.agent.s3.trace_context import TraceContext

Environ = Mapping[str, str]
Sample = Callable[[str, TraceContext | None], bool]
"""Trace id, and the client's context or None -> whether the trace is recorded."""

PROTOCOL = "http/protobuf"
_OTLP = "OTEL_EXPORTER_OTLP"
_RATIO_BITS = 64
_MAX_NUMBER = 1_000_000
"""A limit for numbers that would make a queue unbounded."""


class Signal(StrEnum):
    """What is exported."""

    TRACES = "traces"
    METRICS = "metrics"
    LOGS = "logs"


class Choice(NamedTuple):
    """What the variables ask for."""

    signals: frozenset[Signal]
    warnings: tuple[str, ...]
    """What they ask for and s3d does not do, for the user."""


class Batching(NamedTuple):
    """How records are collected before they are sent."""

    queue: int
    """Records that wait at most; more are dropped."""
    batch: int
    """Records of one request at most."""
    delay: float
    """Seconds until a batch that is not full is sent."""


def chosen(environ: Environ) -> Choice:
    """Nothing, unless an endpoint is set; nothing at all when the SDK is disabled."""
    signals: set[Signal] = set()
    warnings: list[str] = []
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return Choice(frozenset(), ())
    for signal in Signal:
        variable = f"OTEL_{signal.upper()}_EXPORTER"
        exporters = [name.strip().lower() for name in environ.get(variable, "").split(",")]
        if not any(_of_signal(environ, signal, "ENDPOINT")) or exporters == ["none"]:
            continue
        protocol, name = _of_signal(environ, signal, "PROTOCOL")
        if exporters != [""] and "otlp" not in exporters:
            value = environ[variable]
            warnings.append(f"{variable}={value}: s3d exports by otlp only, so {signal} are not")
        elif protocol not in ("", PROTOCOL):
            warnings.append(f"{name}={protocol}: s3d speaks {PROTOCOL} only, so {signal} are not")
        else:
            signals.add(signal)
    return Choice(frozenset(signals), tuple(f"{text} exported" for text in warnings))


def endpoint_of(environ: Environ, signal: Signal) -> str:
    """Where a signal is exported to, for people: without a user's name, path and query."""
    url = _of_signal(environ, signal, "ENDPOINT")[0]
    scheme, mark, rest = url.partition("://")
    authority = rest.partition("/")[0].partition("?")[0].rpartition("@")[2]
    return f"{scheme}://{authority}" if mark else url.rpartition("@")[2]


def secrets_of(environ: Environ) -> list[str]:
    """What must not be logged: values of headers, and passwords in the URLs of endpoints."""
    secrets = []
    for name, value in environ.items():
        if name.startswith(_OTLP) and name.endswith("_HEADERS"):
            for pair in value.split(","):
                secret = pair.partition("=")[2].strip() or pair.strip()
                secrets += [secret, unquote(secret)]
        elif name.startswith(_OTLP) and name.endswith("_ENDPOINT"):
            secrets.append(value.partition("://")[2].rpartition("@")[0].partition(":")[2])
    return [secret for secret in secrets if secret]


def sampler(environ: Environ) -> Sample:
    """Which traces are recorded; by default those whose client records them, and all others.

    An unknown sampler counts as the default, as the specification says.
    """
    name = environ.get("OTEL_TRACES_SAMPLER", "").strip().lower()
    follows_parent = not name or name.startswith("parentbased_")
    root = name.removeprefix("parentbased_")
    bound = 1 << _RATIO_BITS
    if root == "always_off":
        bound = 0
    elif root == "traceidratio":
        bound = round(_ratio(environ.get("OTEL_TRACES_SAMPLER_ARG", "")) * bound)
    elif root != "always_on":
        follows_parent = True

    def sample(trace_id: str, parent: TraceContext | None) -> bool:
        if follows_parent and parent is not None:
            return parent.is_sampled
        return int(trace_id[16:], 16) < bound

    return sample


def batching(environ: Environ, prefix: str) -> Batching:
    """prefix: BSP for spans, BLRP for log records."""
    default_delay = 5_000 if prefix == "BSP" else 1_000
    queue = _number(environ, f"OTEL_{prefix}_MAX_QUEUE_SIZE", 2_048)
    batch = _number(environ, f"OTEL_{prefix}_MAX_EXPORT_BATCH_SIZE", 512)
    delay = _number(environ, f"OTEL_{prefix}_SCHEDULE_DELAY", default_delay)
    return Batching(queue, min(batch, queue), delay / 1_000)


def metric_interval(environ: Environ) -> float:
    """Seconds between two exports of the metrics."""
    return _number(environ, "OTEL_METRIC_EXPORT_INTERVAL", 60_000) / 1_000


def _of_signal(environ: Environ, signal: Signal, what: str) -> tuple[str, str]:
    """The value of a variable, that of the signal before the general one, and its name."""
    for name in (f"{_OTLP}_{signal.upper()}_{what}", f"{_OTLP}_{what}"):
        value = environ.get(name, "").strip()
        if value:
            return value, name
    return "", ""


def _ratio(text: str) -> float:
    try:
        return min(1.0, max(0.0, float(text)))
    except ValueError:
        return 1.0


def _number(environ: Environ, name: str, default: int) -> int:
    """A number that is not one counts as the default, as the specification says."""
    text = environ.get(name, "").strip()
    valid = text.isascii() and text.isdigit() and 1 <= int(text) <= _MAX_NUMBER
    return int(text) if valid else default
