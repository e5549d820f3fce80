"""Deleted objects in the listing: shown and hidden by a key, and restored."""

from __future__ import annotations

from s3d.shared.control import Listing, ObjectInfo
from s3d.shared.text import count
from s3d.tui.agent_client import Agent
from s3d.tui.cli_equivalent import command, object_name
from s3d.tui.control_paths import object_path, version_pages_path
from s3d.tui.deleted_objects import DeletedObjects, deleted_in
from s3d.tui.directory_listing import DirectoryListing
from s3d.tui.host import Host

MAX_PAGES = 20
"""Pages of versions that are read, of 1,000 each."""
MAX_RESTORED = 1_000
"""Objects that one key restores."""


async def read_deleted(agent: Agent, listing: DirectoryListing) -> DeletedObjects:
    """What was deleted below the place of a listing. Raises AgentUnreachable, RequestRefused."""
    versions: list[ObjectInfo] = []
    cursor = ""
    for _ in range(MAX_PAGES):
        path = version_pages_path(listing.bucket, listing.prefix, cursor)
        page = await agent.call("GET", path, Listing)
        versions += page.objects
        cursor = page.cursor
        if not cursor:
            break
    return deleted_in(versions, listing.place, deep=listing.deep)


def restore(host: Host, bucket: str, chosen: list[tuple[str, str]]) -> None:
    """Make a version of each key the current one again: that before the deletion.

    chosen: keys, each with that version. More than MAX_RESTORED need another key press.
    """
    if len(chosen) > MAX_RESTORED:
        host.messages.toast(f"Only the first {MAX_RESTORED:,} objects are restored")
    chosen = chosen[:MAX_RESTORED]
    if not chosen:
        host.messages.toast("No deleted object is selected")
        return
    requests = [_restore_request(bucket, key, version) for key, version in chosen]
    key, version = chosen[0]
    cli = command("restore", object_name(bucket, key), version)

    def send() -> None:
        host.actions.send_all(requests, f"restored {count(len(chosen), 'object')}", command=cli)

    if len(chosen) == 1:
        send()
    else:
        question = f"Restore {count(len(chosen), 'object')} in {bucket}?"
        host.prompts.confirm(question, send, destroys=False)


def _restore_request(bucket: str, key: str, version: str) -> tuple[str, str]:
    """Method and path. The agent copies the version, so that nothing is lost: the delete marker and
    all versions before it stay in the history of the key."""
    return "POST", object_path(bucket, key, ":restore", version=version)
