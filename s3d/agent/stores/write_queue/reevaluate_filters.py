"""Ask the filter again, now and then, about what it holds: the tags of a bucket may be others."""

from __future__ import annotations

from s3d.agent.s3.errors import S3Error
from s3d.agent.selection.filter_subject import subject_of_record
from s3d.agent.selection.use_policy import UsePolicy
from s3d.agent.stores.write_queue.clock import Clock
from s3d.agent.stores.write_queue.journal import Journal
from s3d.agent.stores.write_queue.pending import PendingState, PendingWrite


async def reevaluate_periodically(
    journal: Journal, clock: Clock, every: float, rules: UsePolicy
) -> None:
    """every: seconds. Until cancelled.

    What is held as before is left alone: nothing is written, and nobody is told of it again.
    """
    while True:
        await clock.sleep(every)
        if rules.policy is not None:
            await rules.policy.refresh()
        await journal.retry_these(await _changed(journal, rules))


async def _changed(journal: Journal, rules: UsePolicy) -> list[PendingWrite]:
    """What may go now, or is held for another reason."""
    found = []
    for write in [write for write in journal.all(PendingState.HELD) if write.is_filtered]:
        row = await journal.load(write)
        if row is None or row.stored is None:  # gone meanwhile
            continue
        try:
            why = await rules.exclusion_reason(
                subject_of_record(write.bucket, write.key, row.stored)
            )
        except S3Error:  # the remote is away, for the others too
            break
        if write.error is None or why != write.error.message:
            found.append(write)
    return [write for write in found if write.is_filtered]
