"""All settings of s3d: their types, defaults, meaning, and the reading of each.

A new setting is a new field here, with its Rule; a new section is a new struct. The names follow:
see settings.py. docs/user-guide.md lists them; a test holds the two together.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import msgspec

from s3d.shared.secret import Secret
from s3d.shared.settings import (
    ENV,
    FILE,
    FLAG,
    ConfigError,
    Given,
    Problem,
    Rule,
    collect,
    fill,
    settings_of,
)

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address

LOG_LEVELS = ("debug", "info", "warning", "error")

_ENDPOINT = "write http://HOST:PORT, such as http://127.0.0.1:33333"
_ENDPOINT_PARTS = (
    ("scheme", "http", "only http is served; a reverse proxy can add TLS"),
    ("path", "/", "the endpoint has no path"),
    ("query", "", "the endpoint has no query"),
    ("fragment", "", "the endpoint has no fragment"),
    ("username", None, "credentials do not belong into the endpoint"),
)
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


def read_text(text: str) -> str:
    return text


def read_bool(text: str) -> bool:
    """true or false, and the other words that people use for them."""
    words = {"true": True, "on": True, "yes": True, "1": True}
    words |= {"false": False, "off": False, "no": False, "0": False}
    if text.lower() not in words:
        raise ValueError("write true or false")
    return words[text.lower()]


def read_path(text: str) -> Path:
    """A path; ~ is the home folder, a relative one is below the current folder."""
    if "\0" in text:
        raise ValueError("a path has no NUL")
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError as error:
        raise ValueError("there is no such home folder") from error


def read_endpoint(text: str) -> str:
    """http://HOST:PORT in its canonical form."""
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError as error:
        raise ValueError(f"not a URL: {_ENDPOINT}") from error
    host = url.hostname or ""
    if not url.scheme or not host:
        raise ValueError(f"not a URL with a host: {_ENDPOINT}")
    for part, right, why in _ENDPOINT_PARTS:
        if getattr(url, part) not in (right, "" if part == "path" else right):
            raise ValueError(f"{why}: {_ENDPOINT}")
    if port is None:
        raise ValueError(f"the port is missing (0 means any free one): {_ENDPOINT}")
    if not _is_address(host) and not _HOST.fullmatch(host):
        raise ValueError(f"not the name or address of a host: {_ENDPOINT}")
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def read_access_key_id(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._-]{3,128}", text):
        raise ValueError("an access key id has 3 to 128 letters, digits, dots, - or _")
    return text


def read_secret(text: str) -> Secret:
    if not re.fullmatch(r"[!-~]{8,256}", text):
        raise ValueError("a secret has 8 to 256 characters, ASCII and without spaces")
    return Secret(text)


def read_auth(text: str) -> str:
    if text not in ("sigv4", "none"):
        raise ValueError("write sigv4 (every request is signed) or none (anyone may do anything)")
    return text


def read_buckets(text: str) -> tuple[str, ...]:
    """Names with commas between them; the finer rules are the store's."""
    names = _split(text)
    for name in names:
        if not _BUCKET.fullmatch(name) or ".." in name:
            raise ValueError(
                f"{name!r} is not a bucket name: 3 to 63 lower-case letters, digits, dots and -, "
                "with a letter or digit at both ends"
            )
    return names


def read_hosts(text: str) -> tuple[str, ...]:
    """Host names with commas between them, in lower case."""
    names = tuple(name.lower() for name in _split(text))
    for name in names:
        if not _HOST.fullmatch(name) and not _is_address(name):
            raise ValueError(f"{name!r} is not a host name; write it without http:// and port")
    return names


def read_region(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9-]{1,63}", text):
        raise ValueError("a region is lower-case letters, digits and -, such as us-east-1")
    return text


def read_log_level(text: str) -> str:
    """A level, then LOGGER=LEVEL for those that differ: "info,s3d.agent.endpoint=debug"."""
    for number, part in enumerate(_split(text) or ("",)):
        logger, given, level = part.rpartition("=")
        if level not in LOG_LEVELS or bool(given) != bool(logger) or (number == 0) == bool(given):
            raise ValueError(
                f"write one of {', '.join(LOG_LEVELS)}, then LOGGER=LEVEL for those that differ, "
                "such as info,s3d.agent.endpoint=debug"
            )
    return text


def read_log_format(text: str) -> str:
    if text not in ("text", "json"):
        raise ValueError("write text or json")
    return text


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of one start. origin: setting -> where it was set, for those not at default."""

    local_dir: Annotated[
        Path | None,
        Rule(
            "Folder below which everything lies; unset: the usual folders of the system",
            read_path,
            sources=frozenset({ENV, FLAG}),
        ),
    ] = None
    endpoint: Annotated[
        str,
        Rule("Address to serve S3 on, http://HOST:PORT; port 0 is any free one", read_endpoint),
    ] = "http://127.0.0.1:33333"
    socket: Annotated[
        Path | None,
        Rule("Unix socket between the agent and the other commands", read_path),
    ] = None
    access_key_id: Annotated[
        str,
        Rule(
            "Access key id that clients sign with; unset: made at the first start",
            read_access_key_id,
            sources=frozenset({FILE, ENV}),
        ),
    ] = ""
    secret_access_key: Annotated[
        Secret | None,
        Rule(
            "Secret of that key; the two are set together",
            read_secret,
            secret=True,
            sources=frozenset({FILE, ENV}),
        ),
    ] = None
    auth: Annotated[
        str,
        Rule("sigv4: every request is signed; none: anyone who can connect may do all", read_auth),
    ] = "sigv4"
    buckets: Annotated[
        tuple[str, ...],
        Rule(
            "Buckets to create at the start, if they are not there",
            read_buckets,
            "--bucket",
            many=True,
        ),
    ] = ()
    hosts: Annotated[
        tuple[str, ...],
        Rule(
            "Further host names that clients may call the endpoint by",
            read_hosts,
            "--host",
            many=True,
        ),
    ] = ()
    region: Annotated[
        str,
        Rule("Region that the endpoint says it is in", read_region),
    ] = "us-east-1"
    log_level: Annotated[
        str,
        Rule(
            "debug, info, warning or error; then LOGGER=LEVEL for those that differ", read_log_level
        ),
    ] = "info"
    log_format: Annotated[
        str,
        Rule("text, or json for one JSON object a line", read_log_format),
    ] = "text"
    ephemeral: Annotated[
        bool,
        Rule("A store of this run only, gone at its end", read_bool, sources=frozenset({FLAG})),
    ] = False
    origin: Mapping[str, str] = {}

    @property
    def host(self) -> str:
        """Host to listen on, without the brackets of an IPv6 address."""
        return urlsplit(self.endpoint).hostname or ""

    @property
    def port(self) -> int:
        """Port to listen on; 0 is any free one."""
        return urlsplit(self.endpoint).port or 0


def load_config(file: Path | None, env: Mapping[str, str], flags: Mapping[str, str]) -> Config:
    """Defaults < TOML file < environment < flags (setting name -> text, lists with commas).

    An empty variable is as good as none. Raises ConfigError with every problem there is.
    """
    given, problems = collect(settings_of(Config), file, env, flags)
    config = fill(Config, given, problems)
    problems += _cross_checks(config, given)
    if file is not None:
        problems += _open_secrets(file, given)
    if problems:
        raise ConfigError(problems)
    return msgspec.structs.replace(
        config, origin={name: value.origin for name, value in given.items()}
    )


def is_loopback(host: str) -> bool:
    """Whether only programs of this machine can reach that address or name."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    return _is_address(host) and _address(host).is_loopback


def _cross_checks(config: Config, given: Mapping[str, Given]) -> list[Problem]:
    """What no reader of one setting can see."""
    problems = []
    pair = ("access_key_id", "secret_access_key")
    for one, other in (pair, pair[::-1]):
        if one in given and other not in given:
            message = f"{other} is not set: set both, or neither"
            problems.append(Problem(one, given[one].origin, message))
    if config.auth == "none" and not is_loopback(config.host):
        message = f"none would open {config.endpoint} to the network: use sigv4, or 127.0.0.1"
        problems.append(Problem("auth", given["auth"].origin, message))
    return problems


def _open_secrets(file: Path, given: Mapping[str, Given]) -> list[Problem]:
    """A file with a secret in it is its owner's only."""
    secret = given.get("secret_access_key")
    if secret is None or not secret.origin.startswith(str(file)):
        return []
    if not stat.S_IMODE(file.stat().st_mode) & 0o077:
        return []
    message = f"other users may read the file with the secret: chmod 600 {file}"
    return [Problem("secret_access_key", secret.origin, message)]


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _is_address(host: str) -> bool:
    try:
        _address(host)
    except ValueError:
        return False
    return True


def _address(host: str) -> IPv4Address | IPv6Address:
    from ipaddress import ip_address  # a start with the default endpoint does without

    return ip_address(host)
