"""Parsers of settings: text -> value.

Each raises ValueError with what is expected; rules.py adds the setting, and where it was set.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from s3d.shared.config.values import Secret
from s3d.shared.text import parse_age, parse_size

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address

LOG_LEVELS = ("debug", "info", "warning", "error")
AWS = "aws"
"""The value of the setting remote that means AWS."""
ADDRESSING = ("auto", "path", "virtual")
WHEN_FULL = ("wait", "reject")
SYNC_MODES = ("two-way", "backup", "mirror")
TARGET_TYPES = ("webhook", "sqs")

_REMOTE = "write aws, or a URL such as https://s3.example.org"
_ENDPOINT = "write http://HOST:PORT, such as http://127.0.0.1:33333"
_ADMIN = "write http://HOST:PORT, such as http://127.0.0.1:33334, or off"
_LISTENER_PARTS = (
    ("scheme", "http", "only http is served; a reverse proxy can add TLS"),
    ("path", "/", "the address has no path"),
    ("query", "", "the address has no query"),
    ("fragment", "", "the address has no fragment"),
    ("username", None, "the address must not contain credentials"),
)
_HOST = r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?"  # compiled at first use
_BUCKET = r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"


def parse_text(text: str) -> str:
    return text


def parse_bool(text: str) -> bool:
    """true or false, or one of the usual synonyms."""
    words = {"true": True, "on": True, "yes": True, "1": True}
    words |= {"false": False, "off": False, "no": False, "0": False}
    if text.lower() not in words:
        raise ValueError("write true or false")
    return words[text.lower()]


def parse_path(text: str) -> Path:
    """An absolute path; ~ is the home folder, and relative paths start at the current folder."""
    if "\0" in text:
        raise ValueError("a path must not contain NUL")
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError as error:
        raise ValueError("the home folder does not exist") from error


def parse_endpoint(text: str) -> str:
    """http://HOST:PORT in canonical form."""
    return _listener(text, _ENDPOINT)


def parse_admin(text: str) -> str:
    """http://HOST:PORT in canonical form; an empty text for off."""
    return "" if text.lower() == "off" else _listener(text, _ADMIN)


def _listener(text: str, example: str) -> str:
    """An address to listen on. example: what to write instead, for the errors."""
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError as error:
        raise ValueError(f"not a URL: {example}") from error
    host = url.hostname or ""
    if not url.scheme or not host:
        raise ValueError(f"not a URL with a host: {example}")
    for part, right, why in _LISTENER_PARTS:
        if getattr(url, part) not in (right, "" if part == "path" else right):
            raise ValueError(f"{why}: {example}")
    if port is None:
        raise ValueError(f"the port is missing (0 picks a free one): {example}")
    if not re.fullmatch(_HOST, host) and not _is_address(host):
        raise ValueError(f"not the name or address of a host: {example}")
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def parse_token(text: str) -> Secret:
    """A bearer token: https://www.rfc-editor.org/rfc/rfc6750#section-2.1"""
    if not re.fullmatch(r"[A-Za-z0-9._~+/-]+=*", text) or not 16 <= len(text) <= 256:
        raise ValueError("a token has 16 to 256 letters, digits and - . _ ~ + /")
    return Secret(text)


def parse_access_key_id(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._-]{3,128}", text):
        raise ValueError("an access key id has 3 to 128 letters, digits, dots, - or _")
    return text


def parse_secret(text: str) -> Secret:
    if not re.fullmatch(r"[!-~]{8,256}", text):
        raise ValueError("a secret has 8 to 256 characters, ASCII and without spaces")
    return Secret(text)


def parse_new_buckets(text: str) -> str:
    if text not in ("open", "aws-2026"):
        raise ValueError(
            "write open (nothing is blocked) or aws-2026 (private, as AWS creates buckets)"
        )
    return text


def parse_auth(text: str) -> str:
    if text not in ("sigv4", "none"):
        raise ValueError("write sigv4 (requests must be signed) or none (anyone has full access)")
    return text


def parse_buckets(text: str) -> tuple[str, ...]:
    """Comma-separated names. The store checks the finer rules."""
    names = _split(text)
    for name in names:
        if not re.fullmatch(_BUCKET, name) or ".." in name:
            raise ValueError(
                f"{name!r} is not a bucket name: 3 to 63 lower-case letters, digits, dots and -, "
                "with a letter or digit at both ends"
            )
    return names


def parse_bucket(text: str) -> str:
    """One name, or an empty text."""
    names = parse_buckets(text)
    if len(names) > 1:
        raise ValueError("write one bucket")
    return names[0] if names else ""


def parse_prefix(text: str) -> str:
    """A prefix that ends in a slash, or an empty text."""
    if text.startswith("/"):
        raise ValueError("a prefix must not begin with a slash")
    return text if not text or text.endswith("/") else text + "/"


def parse_name(text: str) -> str:
    if not re.fullmatch(r"[\w.-]{1,64}", text):
        raise ValueError("a name has at most 64 letters, digits, dots, - and _")
    return text


def parse_sync_mode(text: str) -> str:
    if text not in SYNC_MODES:
        raise ValueError(f"write one of {', '.join(SYNC_MODES)}")
    return text


def parse_interval(text: str) -> float:
    """At least a second, because each listing costs one request per thousand objects."""
    interval = parse_age(text)
    if interval < 1:
        raise ValueError("at least a second, such as 30s")
    return interval


def parse_hosts(text: str) -> tuple[str, ...]:
    """Comma-separated host names, in lower case."""
    names = tuple(name.lower() for name in _split(text))
    for name in names:
        if not re.fullmatch(_HOST, name) and not _is_address(name):
            raise ValueError(f"{name!r} is not a host name; write it without http:// and port")
    return names


def parse_region(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9-]{1,63}", text):
        raise ValueError("a region is lower-case letters, digits and -, such as us-east-1")
    return text


def parse_log_level(text: str) -> str:
    """A level, then LOGGER=LEVEL for exceptions: "info,s3d.agent.frontends.http=debug"."""
    for number, part in enumerate(_split(text) or ("",)):
        logger, given, level = part.rpartition("=")
        if level not in LOG_LEVELS or bool(given) != bool(logger) or (number == 0) == bool(given):
            raise ValueError(
                f"write one of {', '.join(LOG_LEVELS)}, then LOGGER=LEVEL for exceptions, "
                "such as info,s3d.agent.frontends.http=debug"
            )
    return text


def parse_log_format(text: str) -> str:
    if text not in ("text", "json"):
        raise ValueError("write text or json")
    return text


def parse_access_log(text: str) -> str:
    """on, off, or an absolute path. A word that is neither is no path by mistake."""
    try:
        return "on" if parse_bool(text) else "off"
    except ValueError:
        if "/" not in text:
            raise ValueError("write on, off, or a path such as /var/log/s3d/access.log") from None
    return str(parse_path(text))


def parse_config_url(text: str) -> str:
    """s3://BUCKET/KEY."""
    bucket, slash, key = text.removeprefix("s3://").partition("/")
    if not text.startswith("s3://") or not slash or not key or key.endswith("/"):
        raise ValueError("write s3://BUCKET/KEY, such as s3://fleet/config/s3d.toml")
    return f"s3://{parse_bucket(bucket)}/{key}"


def parse_remote(text: str) -> str:
    """aws, or http[s]://HOST[:PORT] in canonical form."""
    if text.lower() == AWS:
        return AWS
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError as error:
        raise ValueError(f"not a URL: {_REMOTE}") from error
    host = url.hostname or ""
    if url.scheme not in ("http", "https") or not host:
        raise ValueError(f"not a URL of HTTP with a host: {_REMOTE}")
    if url.username is not None:
        raise ValueError("the URL must not contain credentials; set AWS_* variables instead")
    if url.path not in ("", "/") or url.query or url.fragment:
        raise ValueError(f"nothing may follow the host: {_REMOTE}")
    if not re.fullmatch(_HOST, host) and not _is_address(host):
        raise ValueError(f"not the name or address of a host: {_REMOTE}")
    netloc = f"[{host}]" if ":" in host else host
    return f"{url.scheme}://{netloc}" + (f":{port}" if port else "")


def parse_addressing(text: str) -> str:
    if text not in ADDRESSING:
        raise ValueError(
            "write path (HOST/BUCKET), virtual (BUCKET.HOST) or auto (virtual at AWS, else path)"
        )
    return text


def parse_when_full(text: str) -> str:
    if text not in WHEN_FULL:
        raise ValueError("write wait (up to 60 s, then SlowDown) or reject (SlowDown at once)")
    return text


def parse_encrypt(text: str) -> str:
    if text.lower() not in ("", "sse-s3"):
        raise ValueError("write sse-s3, or leave it empty")
    return text.lower()


def parse_limit(text: str) -> int:
    if not re.fullmatch(r"[1-9]\d{0,11}", text):
        raise ValueError("write a number of at least 1, such as 100000")
    return int(text)


def parse_price(text: str) -> float:
    """An amount of money, in any currency."""
    if not re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text):
        raise ValueError("write an amount without the currency, such as 0.0004")
    return float(text)


def parse_max_size(text: str) -> int:
    """A size of at least one byte."""
    room = parse_size(text)
    if room < 1:
        raise ValueError("at least 1 byte, such as 10GiB")
    return room


def parse_part_size(text: str) -> int:
    """The size of a part of a multipart upload: 5 MiB to 5 GiB, as S3 allows."""
    size = parse_size(text)
    if not 5 << 20 <= size <= 5 << 30:
        raise ValueError("5MiB to 5GiB, such as 16MiB")
    return size


def parse_policy_server(text: str) -> str:
    """An HTTP URL, or unix:// and the path of a socket."""
    try:
        parts = urlsplit(text)
        has_host = parts.scheme in ("http", "https") and parts.port != 0 and bool(parts.hostname)
    except ValueError:  # an invalid port
        raise ValueError(_POLICY_SERVER) from None
    if parts.username is not None:
        raise ValueError("the URL must not contain credentials, because it is shown and logged")
    has_path = parts.scheme == "unix" and not parts.netloc and len(parts.path) > 1
    if not has_host and not has_path:
        raise ValueError(_POLICY_SERVER)
    return text


_POLICY_SERVER = "write http://HOST:PORT or unix:///PATH"


def parse_target_type(text: str) -> str:
    if text not in TARGET_TYPES:
        raise ValueError(f"write one of {', '.join(TARGET_TYPES)}")
    return text


def parse_target_url(text: str) -> str:
    """The URL of a webhook or a queue."""
    try:
        parts = urlsplit(text)
        has_host = parts.scheme in ("http", "https") and parts.port != 0 and bool(parts.hostname)
    except ValueError:  # an invalid port
        has_host = False
    if not has_host or not text.isascii() or any(mark <= " " for mark in text):
        raise ValueError("write http://HOST:PORT/PATH or https://HOST/PATH")
    if parts.username is not None:
        raise ValueError("the URL must not contain credentials: set token, or access_key_id")
    return text


def parse_max_age(text: str) -> float | None:
    """An age; none means no limit."""
    if text.lower() in ("none", "off"):
        return None
    age = parse_age(text)
    if age <= 0:
        raise ValueError("more than 0, such as 1h; none means no limit")
    return age


def is_loopback(host: str) -> bool:
    """Whether only programs on this machine can reach the address or name."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    return _is_address(host) and _address(host).is_loopback


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _is_address(host: str) -> bool:
    try:
        _address(host)
    except ValueError:
        return False
    return True


def _address(host: str) -> IPv4Address | IPv6Address:
    from ipaddress import ip_address  # slow to import, and not needed for the default endpoint

    return ip_address(host)
