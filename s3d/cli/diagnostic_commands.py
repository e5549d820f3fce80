"""s3d check: verify what is on the disk."""

from __future__ import annotations

import click

from s3d.cli.output import StatusLine, json_line, report
from s3d.cli.session import Session, json_option, pass_session, socket_option
from s3d.shared.diagnostics import CheckLine, Damage
from s3d.shared.errors import NotRunningError
from s3d.shared.text import count, size
from s3d.shared.transfers import Totals


@click.command("check")
@click.option("--repair", is_flag=True, help="Repair what can be repaired.")
@json_option
@socket_option
@pass_session
def check_command(session: Session, /, *, repair: bool, as_json: bool) -> int:
    """Verify everything that s3d has on the disk, with or without a running agent.

    This includes the store, the write queue, the read cache and the baselines of the sync folders.
    The exit code is 1 if there is damage that is not repaired. --repair moves files back from
    lost+found, drops damaged entries of the cache, and stores checksums for objects of older
    versions of s3d. While no agent runs, it also renames damaged baselines of sync folders.

    \b
    Examples:
      s3d check
      s3d check --repair
    """
    result = _Report(as_json=as_json)
    try:
        _check(session, result, repair=repair)
    finally:
        result.line.close()
    if not as_json:
        report(result.summary())
    return 0 if result.is_repaired else 1


def _check(session: Session, result: _Report, *, repair: bool) -> None:
    """Let the agent check, or check in this process when no agent runs."""
    places = session.load()[1]
    try:
        for page in session.client().check(repair=repair):
            result.take(page.checked, page.damage)
    except NotRunningError:
        from s3d.agent.app.integrity_check import check_at_rest

        def show(line: CheckLine) -> None:
            result.take(line.checked, [] if line.damage is None else [line.damage])

        check_at_rest(places, repair=repair, show=show)


class _Report:
    """What the check has found so far."""

    def __init__(self, *, as_json: bool) -> None:
        self.line = StatusLine()
        self.damages: list[Damage] = []
        self.checked = Totals()
        self._as_json = as_json

    def take(self, checked: Totals, damages: list[Damage]) -> None:
        self.checked = checked
        self.line.show(_amount(checked))
        for damage in damages:
            self.damages.append(damage)
            self.line.close()
            if self._as_json:
                json_line(damage)
            else:
                _show(damage)

    @property
    def is_repaired(self) -> bool:
        """True when there is no damage, or none is left."""
        return all(damage.repaired for damage in self.damages)

    def summary(self) -> str:
        checked = _amount(self.checked)
        if not self.damages:
            return f"{checked}: all is well"
        repaired = sum(1 for damage in self.damages if damage.repaired)
        return f"{checked}: {len(self.damages):,} damaged, {repaired:,} repaired"


def _amount(checked: Totals) -> str:
    return f"checked {count(checked.files, 'object')}, {size(checked.size)}"


def _show(damage: Damage) -> None:
    report(f"{damage.place}: {damage.name}: {damage.problem}")
    if damage.repaired:
        report(f"  repaired: {damage.repaired}")
    elif damage.remedy:
        report(f"  hint: {damage.remedy}")
