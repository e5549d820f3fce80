"""The first start: where objects go, how the agent runs, and what to do next, step by step.

Each step is a question of one key. What is chosen is written to the configuration file, so that
the agent finds it at each later start, too.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping
from configparser import ConfigParser
from configparser import Error as UnreadableFile
from pathlib import Path
from string import ascii_lowercase, digits

from s3d.shared.atomic_file import write_atomically
from s3d.shared.errors import S3dError
from s3d.shared.paths import load
from s3d.shared.text import safe
from s3d.tui.field_checks import check_url
from s3d.tui.host import Host
from s3d.tui.screens.dialogs import Choice
from s3d.tui.screens.folder_form_screen import FolderFormScreen
from s3d.tui.screens.form_screen import Field
from s3d.tui.start_agent import NotStarted, install_service, start_agent

NO_PROFILE = "(none: the environment, or the default profile)"
_KEYS = digits[1:] + ascii_lowercase


class FirstRun:
    """Asks the steps one after the other; esc in any of them leaves everything as it is."""

    def __init__(self, host: Host, run: Callable[[Callable[[], Awaitable[None]]], object]) -> None:
        """run: runs what waits for a process in a worker of the app."""
        self._host, self._run = host, run

    def begin(self) -> None:
        """Where objects go; unless the configuration says so already."""
        try:
            config, _ = load(os.environ, {})
        except S3dError as error:
            self._show("The configuration has a problem", error)
            return
        if config.remote:
            self._choose_way()
            return
        choices = [
            Choice("m", "on this machine, in the embedded store", "local"),
            Choice("a", "in Amazon S3", "aws"),
            Choice("o", "in another S3 service, by its URL", "url"),
        ]
        steps = {"local": self._choose_way, "aws": self._choose_profile, "url": self._ask_url}
        self._host.prompts.choose("Where do objects go?", choices, lambda value: steps[value]())

    def _choose_profile(self) -> None:
        """The profiles of the AWS configuration."""
        names = [*aws_profiles(os.environ), NO_PROFILE]
        choices = [Choice(key, name, name) for key, name in zip(_KEYS, names, strict=False)]
        self._host.prompts.choose(
            "Which AWS profile?", choices,
            lambda name: self._save("aws", "" if name == NO_PROFILE else name),
        )  # fmt: skip

    def _ask_url(self) -> None:
        profiles = tuple(aws_profiles(os.environ))
        hint = "such as https://s3.example.com or http://localhost:9000"
        fields = [Field("url", "URL", "https://", check_url, hint=hint, is_beginning=True)]
        if profiles:
            options = (*profiles, NO_PROFILE)
            fields.append(Field("profile", "Profile", options[0], options=options))

        def save(values: dict[str, str]) -> None:
            profile = values.get("profile", NO_PROFILE)
            self._save(values["url"], "" if profile == NO_PROFILE else profile)

        self._host.prompts.fill_in("The remote", fields, save, verb="save it")

    def _save(self, remote: str, profile: str) -> None:
        settings = {"remote": remote} | ({"remote_profile": profile} if profile else {})
        try:
            file = load(os.environ, {})[1].config_file
            save_settings(file, settings)
        except (OSError, S3dError) as error:
            self._show("The configuration cannot be saved", error)
            return
        self._host.messages.toast(f"saved in {file}")
        self._choose_way()

    def _choose_way(self) -> None:
        choices = [
            Choice("n", "now, until this machine restarts  (s3d run)", "run"),
            Choice("l", "now and at each login, as a service  (s3d service install)", "service"),
        ]
        self._host.prompts.choose("When does the agent run?", choices, self._start)

    def _start(self, way: str) -> None:
        async def start() -> None:
            try:
                if way == "service":
                    await install_service()
                else:
                    await start_agent()
            except (NotStarted, S3dError) as error:
                self._show("The agent did not start", error)
                return
            self._host.feed.poll_now()
            self._choose_next()

        self._run(start)

    def _choose_next(self) -> None:
        choices = [
            Choice("f", "keep a folder of this machine in sync with a bucket", "folder"),
            Choice("b", "look at the buckets", "buckets"),
            Choice("d", "stay at the dashboard", "dashboard"),
        ]

        def go(value: str) -> None:
            if value == "folder":
                self._host.main.show_tab("sync")
                self._host.push_screen(FolderFormScreen())
            else:
                self._host.main.show_tab(value)

        self._host.prompts.choose("The agent runs. What next?", choices, go)

    def _show(self, title: str, error: Exception) -> None:
        self._host.prompts.view(title, [safe(line) for line in str(error).splitlines()])


def aws_profiles(env: Mapping[str, str]) -> list[str]:
    """The names of the profiles in the files of the AWS command line, in alphabetical order.

    https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-files.html
    """
    folder = Path(env.get("HOME", "")) / ".aws"
    names = set()
    for variable, file in (
        ("AWS_CONFIG_FILE", "config"), ("AWS_SHARED_CREDENTIALS_FILE", "credentials"),
    ):  # fmt: skip
        parser = ConfigParser(interpolation=None, default_section="", strict=False)
        try:
            parser.read(env.get(variable) or folder / file, encoding="utf-8")
        except (UnreadableFile, UnicodeDecodeError):
            continue
        for section in parser.sections():
            kind, _, name = section.rpartition(" ")
            if not kind or kind.strip() == "profile":
                names.add(name)
    return sorted(names, key=lambda name: (name != "default", name))


def save_settings(file: Path, settings: Mapping[str, str]) -> None:
    """Write settings above everything in the configuration file, where no table has begun.

    None of them may be in it yet. Raises OSError.
    """
    import tomli_w

    before = file.read_text(encoding="utf-8") if file.exists() else ""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_atomically(file, (tomli_w.dumps(settings) + before).encode(), durable=True)
