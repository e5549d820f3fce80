"""The agent as a user service of systemd.

https://www.freedesktop.org/software/systemd/man/latest/systemd.service.html
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from s3d.cli.service.service_manager import Definition, Listening, ServiceStatus, call
from s3d.shared.atomic_file import write_atomically
from s3d.shared.errors import S3dError

UNIT = "s3d.service"
SOCKET_UNIT = "s3d.socket"
_NO_MANAGER = "log in as this user (not by sudo or su), or run: s3d run"
_NO_SYSTEMD = "systemd does not run here; in a container, let its command be: s3d run"
_ITS_LOG = "s3d logs shows why; also: journalctl --user --unit s3d"

SERVICE = """\
[Unit]
Description=s3d, the S3 daemon: S3 on localhost
Documentation=man:s3d(1)
StartLimitIntervalSec=300
StartLimitBurst=5

[Service]
Type=notify
NotifyAccess=main
ExecStart={command}
{environment}\
ExecReload=/bin/kill -HUP $MAINPID
Restart=on-failure
RestartSec=2
# Wrong usage or configuration, and another agent that runs already: a restart changes nothing.
RestartPreventExitStatus=2 75
WatchdogSec=60
# The agent pushes what is pending while it stops, and asks for more time when it needs it.
TimeoutStopSec=90
KillMode=mixed
LimitNOFILE=65536
LimitCORE=0
TasksMax=256
UMask=0077
{sandbox}\

[Install]
WantedBy=default.target
"""
SANDBOX = """\
NoNewPrivileges=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictNamespaces=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
"""
"""What the agent does not need. A mount needs fusermount3, which gains privileges, so with mounts
the unit has none of these."""
SOCKET = """\
[Unit]
Description=Sockets of s3d, the S3 daemon

[Socket]
ListenStream={endpoint}
ListenStream={control}
SocketMode=0600
DirectoryMode=0700

[Install]
WantedBy=sockets.target
"""


def service_unit(definition: Definition) -> str:
    """The text of s3d.service."""
    variables = (f"{name}={value}" for name, value in sorted(definition.env.items()))
    return SERVICE.format(
        command=" ".join(_quoted(word.replace("$", "$$")) for word in definition.command),
        environment="".join(f"Environment={_quoted(each)}\n" for each in variables),
        sandbox="" if definition.mounts else SANDBOX,
    )


def socket_unit(listening: Listening) -> str:
    """The text of s3d.socket."""
    control = str(listening.control).replace("%", "%%")
    return SOCKET.format(endpoint=listening.endpoint, control=control)


def _quoted(word: str) -> str:
    """A word of a command line or an assignment, as systemd reads it: systemd.syntax(7)."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    escaped = escaped.replace("\n", "\\n")
    return f'"{escaped}"' if any(c in word for c in " \t\n\"'\\;") else escaped


class Systemd:
    """The user's instance of systemd."""

    name = "systemd"

    def __init__(self, env: Mapping[str, str]) -> None:
        config = env.get("XDG_CONFIG_HOME") or Path.home() / ".config"
        self._folder = Path(config, "systemd", "user")

    def install(self, definition: Definition) -> Path:
        systemctl("show", "--property=Version")  # nothing is written where no manager answers
        self._folder.mkdir(parents=True, exist_ok=True)
        unit, socket = self._folder / UNIT, self._folder / SOCKET_UNIT
        write_atomically(unit, service_unit(definition).encode(), durable=True, mode=0o644)
        if definition.listening is None:
            socket.unlink(missing_ok=True)
        else:
            text = socket_unit(definition.listening)
            write_atomically(socket, text.encode(), durable=True, mode=0o644)
        systemctl("daemon-reload")
        systemctl("enable", UNIT, *([SOCKET_UNIT] if definition.listening else []))
        return unit

    def uninstall(self) -> Path | None:
        files = [file for name in (SOCKET_UNIT, UNIT) if (file := self._folder / name).exists()]
        if not files:
            return None
        systemctl("disable", "--now", *(file.name for file in files))
        for file in files:
            file.unlink()
        systemctl("daemon-reload")
        return self._folder / UNIT

    def start(self) -> None:
        """Returns when the agent serves, because the unit has Type=notify."""
        _change("start", *self._units())

    def stop(self) -> None:
        _change("stop", *self._units())

    def restart(self) -> None:
        """The sockets stay open meanwhile, if systemd listens on them."""
        _change("restart", UNIT)

    def status(self) -> ServiceStatus:
        unit = self._folder / UNIT
        try:
            shown = systemctl("show", UNIT, "--property=ActiveState,MainPID,UnitFileState")
        except S3dError:
            shown = ""  # no instance of the user runs: the file is all that is known
        values = dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)
        return ServiceStatus(
            manager=self.name,
            file=str(unit),
            installed=unit.exists(),
            enabled=values.get("UnitFileState") == "enabled",
            state=values.get("ActiveState", ""),
            pid=int(values.get("MainPID") or 0),
            lingers=_lingers(),
        )

    def is_for(self, local_dir: str) -> bool:
        unit = (self._folder / UNIT).read_text()
        if not local_dir:
            return "S3D_LOCAL_DIR=" not in unit
        return f"Environment={_quoted(f'S3D_LOCAL_DIR={local_dir}')}\n" in unit

    def _units(self) -> list[str]:
        has_socket = (self._folder / SOCKET_UNIT).exists()
        return [SOCKET_UNIT, UNIT] if has_socket else [UNIT]


def systemctl(*arguments: str, remedy: str = "") -> str:
    """What systemctl prints about the user's units. Raises S3dError with the remedy; "": that for
    a manager that does not answer."""
    is_booted = Path("/run/systemd/system").is_dir()  # sd_booted(3)
    remedy = remedy or (_NO_MANAGER if is_booted else _NO_SYSTEMD)
    return call(["systemctl", "--user", *arguments], remedy=remedy)


def _change(verb: str, *units: str) -> None:
    """Start, stop or restart units. What fails where the manager answers, the agent's log tells."""
    systemctl("show", "--property=Version")
    systemctl(verb, *units, remedy=_ITS_LOG)


def _lingers() -> bool | None:
    """Whether systemd runs the user's units without a login; None: it does not say."""
    try:
        shown = call(["loginctl", "show-user", str(os.getuid()), "--property=Linger"], remedy="")
    except S3dError:
        return None
    return shown.strip() == "Linger=yes"
