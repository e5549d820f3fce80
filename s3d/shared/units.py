"""Sizes and ages as people write them: "10GiB" to bytes, "1h30m" to seconds."""

from __future__ import annotations

import re

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]*)", re.IGNORECASE)
_AGE = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]+)", re.IGNORECASE)

_STEPS = ("k", "m", "g", "t", "p")
_BYTES = (
    {"": 1, "b": 1}
    | {step: 1024**power for power, step in enumerate(_STEPS, 1)}
    | {step + "ib": 1024**power for power, step in enumerate(_STEPS, 1)}
    | {step + "b": 1000**power for power, step in enumerate(_STEPS, 1)}
)
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 604800}


def parse_size(text: str) -> int:
    """Bytes. KiB, MiB, GiB, TiB, PiB and bare K, M, G, T, P count in 1024; kB, MB, ... in 1000.

    Raises ValueError that says what is right.
    """
    match = _SIZE.fullmatch(text.strip())
    factor = _BYTES.get(match[2].lower()) if match else None
    if match is None or factor is None:
        raise ValueError("not a size: write a number with a unit, such as 512MiB or 10GiB")
    return int(float(match[1]) * factor) if "." in match[1] else int(match[1]) * factor


def parse_age(text: str) -> float:
    """Seconds. Units ms, s, m, h, d, w, which may follow one another; a bare number is seconds.

    Raises ValueError that says what is right.
    """
    text = text.strip()
    if re.fullmatch(r"\d+(?:\.\d+)?", text):
        return float(text)
    parts = _AGE.findall(text)
    known = all(unit.lower() in _SECONDS for _, unit in parts)
    if not parts or not known or _AGE.sub("", text).strip():
        raise ValueError("not a time: write a number with a unit, such as 90s, 15m, 1h30m or 7d")
    return float(sum(float(number) * _SECONDS[unit.lower()] for number, unit in parts))
