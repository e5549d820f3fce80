"""How a struct describes its settings, and how it is filled from the four sources of settings.

Every source provides text by name, and the parser of the setting converts the text to a value. The
file, the environment and the flags therefore accept the same values. A setting is one field:

    class WriteQueue(msgspec.Struct, frozen=True):
        enabled: Annotated[bool, Rule("Answer writes before the remote has them", read_bool)] = True

    class Config(msgspec.Struct, frozen=True):
        write_queue: WriteQueue = WriteQueue()

    [write_queue] max_size = S3D_WRITE_QUEUE_MAX_SIZE = --write-queue-max-size
    [write_queue] enabled  = S3D_WRITE_QUEUE          = --write-queue
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from s3d.shared.config import toml_file
from s3d.shared.errors import UsageError
from s3d.shared.text import safe

ENV_PREFIX = "S3D_"
OTHER_VARIABLES = frozenset({"S3D_FAILPOINT", "S3D_TELEMETRY"})
"""Variables with our prefix that are not settings (crash points of the tests)."""

_SERVICE_VARIABLE = re.compile(
    r"S3D_(\w+_)?(SERVICE_(HOST|PORT(_\w+)?)|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)"
)
_PORT_OF_A_SERVICE = re.compile(r"S3D_(\w+_)?PORT=(tcp|udp|sctp)://.*")
"""The variables that Kubernetes sets in each pod for a service with the name s3d, or s3d-NAME:
https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables"""

FILE, ENV, FLAG = "file", "env", "flag"
NO_FLAG = frozenset({FILE, ENV})
"""Sources of a secret: every user of the machine can see arguments."""

TABLES = frozenset({"bucket", "mount", "sync_folder", "notification_target"})
"""Sections that the file can have several times, such as [[sync_folder]]: see tables(),
and bucket_tables.py."""

_USER = r"//[^/]*@"
"""The credentials in a URL."""

S = TypeVar("S", bound=msgspec.Struct)


class Rule(msgspec.Struct, frozen=True):
    """What a setting has besides its type and its default."""

    help: str
    parse: Callable[[str], Any]
    """Convert text to the value; raises ValueError, which says what is expected."""
    flag: str = ""
    """The flag, if it is not the name with dashes."""
    many: bool = False
    """A list: a repeated flag, or commas."""
    lines: bool = False
    """A list in the file means the same as a text of several lines."""
    secret: bool = False
    """Never shown. It has no flag, because every user of the machine can see arguments."""
    sources: frozenset[str] = frozenset({FILE, ENV, FLAG})
    aliases: tuple[str, ...] = ()
    """Variables of other programs that are used when ours is not set."""
    section_default: bool = False
    """The name of the section means this setting, as it does for `enabled`."""


class Setting(msgspec.Struct, frozen=True):
    """One setting: its rule and its names."""

    name: str
    """"endpoint" or "write_queue.max_size"."""
    default: Any
    type: Any
    rule: Rule

    @property
    def env(self) -> str:
        return ENV_PREFIX + self._path.replace(".", "_").upper()

    @property
    def flag(self) -> str:
        return self.rule.flag or "--" + self._path.replace(".", "-").replace("_", "-")

    @property
    def _path(self) -> str:
        """The name, or that of its section for `enabled` and for the default of the section."""
        return (
            self.name.rpartition(".")[0]
            if self.rule.section_default
            else self.name.removesuffix(".enabled")
        )


class Given(msgspec.Struct, frozen=True):
    """A value from a source. origin: where it was set, such as "S3D_SOCKET" or "config.toml:3"."""

    text: str
    origin: str


class Problem(msgspec.Struct, frozen=True):
    """A problem with a setting: where it was set, and what is expected."""

    setting: str
    origin: str
    message: str
    quoted: tuple[str, ...] = ()
    """The value, and a line that marks the error."""

    def __str__(self) -> str:
        own_name = self.origin.startswith((ENV_PREFIX, "--")) or not self.setting
        return safe(": ".join([self.origin, *(() if own_name else (self.setting,)), self.message]))


class ConfigError(UsageError):
    """The configuration is invalid; problems has every reason."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(
            "configuration",
            "; ".join(map(str, self.problems)),
            "s3d config check checks it again; the user guide lists all settings",
        )


@cache
def settings_of(struct: type[msgspec.Struct], section: str = "") -> Mapping[str, Setting]:
    """Every setting of a struct and of the structs in it, by name, in order."""
    settings: dict[str, Setting] = {}
    for field in msgspec.structs.fields(struct):
        name = section + field.name
        rule = next(
            (m for m in getattr(field.type, "__metadata__", ()) if isinstance(m, Rule)), None
        )
        if rule is not None:
            settings[name] = Setting(name, field.default, field.type.__origin__, rule)
        elif _is_section(field.type):
            settings |= settings_of(field.type, name + ".")
    return settings


def collect(
    settings: Mapping[str, Setting],
    file: Path | None,
    env: Mapping[str, str],
    flags: Mapping[str, str],
) -> tuple[dict[str, Given], list[Problem]]:
    """The values of all sources; later ones override earlier ones: file < environment < flags."""
    given: dict[str, Given] = {}
    problems: list[Problem] = []
    if file is not None:
        given |= _from_file(settings, file, problems)
    given |= _from_env(settings, env, problems)
    given |= {name: Given(text, settings[name].flag) for name, text in flags.items()}
    return given, problems


def tables(struct: type[S], name: str, file: Path, problems: list[Problem]) -> list[S]:
    """One struct for each [[name]] of the file, in order."""
    settings = settings_of(struct, name + ".")
    structs = []
    try:
        rows = toml_file.read_tables(file, name)
    except toml_file.FileError:
        return []  # collect() has reported it
    for line, table in rows:
        origin = f"{file}:{line}"
        given = {}
        for key, value in table.items():
            setting = f"{name}.{key}"
            try:
                given[setting] = Given(text_of(setting, value, settings), origin)
            except ValueError as error:
                problems.append(Problem(setting, origin, str(error)))
        structs.append(fill(struct, given, problems, name + "."))
    return structs


def fill(
    struct: type[S], given: Mapping[str, Given], problems: list[Problem], section: str = ""
) -> S:
    """Fill the struct. An invalid value adds a problem, and the setting stays at its default."""
    values: dict[str, Any] = {}
    for field in msgspec.structs.fields(struct):
        if _is_section(field.type):
            values[field.name] = fill(field.type, given, problems, f"{section}{field.name}.")
    for name, setting in settings_of(struct, section).items():
        key = name.removeprefix(section)
        if "." in key or name not in given:
            continue
        try:
            values[key] = setting.rule.parse(given[name].text)
        except ValueError as error:
            quoted: tuple[str, ...] = getattr(error, "quoted", ())
            is_shown = not setting.rule.secret and not quoted
            shown = f"{re.sub(_USER, '//', given[name].text)!r}: " if is_shown else ""
            problems.append(Problem(name, given[name].origin, f"{shown}{error}", quoted))
    return struct(**values)


def nearest(name: str, known: Iterable[str], prefix: str = "") -> str:
    """The most similar known name as "; did you mean X?", or "". All names have the prefix."""
    import difflib  # needed for errors only

    ends = [other.removeprefix(prefix) for other in known]
    close = difflib.get_close_matches(name.removeprefix(prefix), ends, n=1, cutoff=0.6)
    return f"; did you mean {prefix}{close[0]}?" if close else ""


def _is_section(type_: Any) -> bool:
    return isinstance(type_, type) and issubclass(type_, msgspec.Struct)


def _from_file(
    settings: Mapping[str, Setting], file: Path, problems: list[Problem]
) -> dict[str, Given]:
    try:
        values = toml_file.read(file)
    except toml_file.FileError as error:
        problems.append(Problem("", str(file), str(error)))
        return {}
    given: dict[str, Given] = {}
    for name, entry in values.items():
        if name in TABLES and isinstance(entry.value, list):
            continue
        origin = f"{file}:{entry.line}" if entry.line else str(file)
        try:
            given[name] = Given(text_of(name, entry.value, settings), origin)
        except ValueError as error:
            problems.append(Problem(name, origin, str(error)))
    return given


def text_of(name: str, value: object, settings: Mapping[str, Setting]) -> str:
    """The text of a value of a TOML file. Raises ValueError, which says what is expected."""
    setting = settings.get(name)
    if setting is None:
        known = [name for name, setting in settings.items() if FILE in setting.rule.sources]
        raise ValueError("unknown setting" + nearest(name, known))
    if FILE not in setting.rule.sources:
        other = f"{setting.env} or {setting.flag}" if ENV in setting.rule.sources else setting.flag
        raise ValueError(f"cannot be set in the file; use {other}")
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        return str(value)
    if setting.rule.lines and isinstance(value, list):
        if all(isinstance(item, str) for item in value):
            return "\n".join(value)
        raise ValueError("must be a text or a list of texts")
    if setting.rule.many and isinstance(value, list):
        if all(isinstance(item, str) and "," not in item for item in value):
            return ",".join(value)
        raise ValueError("must be a list of texts")
    raise ValueError("must be a list of texts" if setting.rule.many else "must be one value")


def _from_env(
    settings: Mapping[str, Setting], env: Mapping[str, str], problems: list[Problem]
) -> dict[str, Given]:
    known = {setting.env: setting for setting in settings.values()}
    given: dict[str, Given] = {}
    for variable, text in env.items():
        if not variable.startswith(ENV_PREFIX) or variable in OTHER_VARIABLES:
            continue
        setting = known.get(variable)
        if setting is None:
            if _is_of_a_service(variable, text):
                continue
            message = "unknown variable" + nearest(variable, known, ENV_PREFIX)
            problems.append(Problem(variable, variable, message))
        elif ENV not in setting.rule.sources:
            message = f"cannot be set by a variable; use {setting.flag}"
            problems.append(Problem(setting.name, variable, message))
        elif text:
            given[setting.name] = Given(text, variable)
    for setting in settings.values():
        for variable in setting.rule.aliases:
            if setting.name not in given and env.get(variable):
                given[setting.name] = Given(env[variable], variable)
    return given


def _is_of_a_service(variable: str, text: str) -> bool:
    """Whether Kubernetes has set the variable, and nobody who wanted to change a setting."""
    named = _SERVICE_VARIABLE.fullmatch(variable)
    return bool(named or _PORT_OF_A_SERVICE.fullmatch(f"{variable}={text}"))
