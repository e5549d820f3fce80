"""s3d check: is everything on the disk as it was written?"""

from __future__ import annotations

import click

from s3d.cli.output import StatusLine, json_line, report
from s3d.cli.session import Session, json_option, pass_session, socket_option
from s3d.shared.diagnostics import CheckLine, Damage
from s3d.shared.errors import NotRunningError
from s3d.shared.text import count, size
from s3d.shared.transfers import Share


@click.command("check")
@click.option("--repair", is_flag=True, help="Mend what can be mended.")
@json_option
@socket_option
@pass_session
def check_command(session: Session, /, *, repair: bool, as_json: bool) -> int:
    """Read all that is on the disk and see whether it is as it was written.

    The store, the write queue, the read cache and the memory of the sync folders; with or without
    a running agent. Exit code 0: all is well, 1: damage was found. --repair brings files back from
    lost+found, drops damaged entries of the cache, and notes checksums of objects of older
    versions of s3d; while no agent runs, it also puts a damaged memory of a sync folder aside.

    \b
    Examples:
      s3d check
      s3d check --repair
    """
    seen = _Seen(as_json=as_json)
    try:
        _check(session, seen, repair=repair)
    finally:
        seen.line.close()
    if not as_json:
        report(seen.summary())
    return 1 if seen.damages else 0


def _check(session: Session, seen: _Seen, *, repair: bool) -> None:
    """In the agent, or here when none runs."""
    places = session.load()[1]
    try:
        for page in session.client().check(repair=repair):
            seen.take(page.checked, page.damage)
    except NotRunningError:
        from s3d.agent.app.check import check_at_rest

        def show(line: CheckLine) -> None:
            seen.take(line.checked, [] if line.damage is None else [line.damage])

        check_at_rest(places, repair=repair, show=show)


class _Seen:
    """What was said so far."""

    def __init__(self, *, as_json: bool) -> None:
        self.line = StatusLine()
        self.damages: list[Damage] = []
        self.checked = Share()
        self._as_json = as_json

    def take(self, checked: Share, damages: list[Damage]) -> None:
        self.checked = checked
        self.line.show(_amount(checked))
        for damage in damages:
            self.damages.append(damage)
            self.line.close()
            if self._as_json:
                json_line(damage)
            else:
                _show(damage)

    def summary(self) -> str:
        checked = _amount(self.checked)
        if not self.damages:
            return f"{checked}: all is well"
        repaired = sum(1 for damage in self.damages if damage.repaired)
        return f"{checked}: {len(self.damages):,} damaged, {repaired:,} repaired"


def _amount(checked: Share) -> str:
    return f"checked {count(checked.files, 'object')}, {size(checked.size)}"


def _show(damage: Damage) -> None:
    report(f"{damage.place}: {damage.name}: {damage.problem}")
    if damage.repaired:
        report(f"  repaired: {damage.repaired}")
    elif damage.remedy:
        report(f"  hint: {damage.remedy}")
