"""The contract before a real server: SeaweedFS, asked in members and in forwarded requests.

Where SeaweedFS itself is not as the contract says, it cannot judge: DEVIATIONS are left out. Each
was seen in both ways of asking and, where it looked strange, with boto3 directly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import pytest

from s3d.agent.core.store import ObjectStore
from s3d.agent.stores.remote.credential_provider import CredentialProvider
from s3d.agent.stores.remote.http_transport import Settings
from s3d.agent.stores.remote.remote_store import RemoteStore
from s3d.agent.stores.remote.static_credentials import RemoteKey
from tests.contract.forwarding import Forwarding
from tests.peers.servers import Peer


def in_members(store: RemoteStore) -> ObjectStore:
    return store


REMOTES: Mapping[str, Callable[[RemoteStore], ObjectStore]] = {
    "remote": in_members,
    "forwarded": Forwarding,
}
"""Name of the stack -> how the remote store is asked."""

QUEUED = "queued_remote"
"""The stack with a write queue before the remote store."""

WHOLE = "queued_and_cached_remote"
"""All layers before the remote store: what an agent with a remote serves."""

NOT_JUDGED = frozenset({"test_access", "test_settings"})
"""Modules about what SeaweedFS does not have: enforced grants and most settings of a bucket."""

DEVIATIONS: Mapping[str, tuple[str, ...]] = {
    "listings: markers, delimiters, encoded names and page sizes": (
        "test_a_continuation_token_counts_for_more_than_start_after",
        "test_a_listing_goes_on_where_the_null_version_was_that_ended_the_page_before",
        "test_a_listing_starts_after_a_key_whether_or_not_it_is_there",
        "test_a_token_that_is_none_is_refused",
        "test_a_version_marker_needs_a_key_marker",
        "test_an_entry_says_what_the_object_is",
        "test_an_upload_marker_without_a_key_marker_is_ignored",
        "test_max_keys_of_0_is_an_empty_page_and_above_1000_is_1000",
        "test_names_are_url_encoded_when_asked_for",
        "test_pages_of_encoded_names_continue_where_they_ended",
        "test_pages_of_every_size_give_the_whole_list",
        "test_uploads_by_prefix_and_delimiter",
        "test_uploads_come_by_key_and_age_in_pages_of_every_size",
        "test_versions_come_newest_first_in_pages_of_every_size",
    ),
    "keys are paths of a file system: a, a/ and a/b exclude each other": (
        "test_a_key_and_what_looks_like_a_folder_live_together",
        "test_a_key_that_climbs_out_of_its_bucket_is_refused",
        "test_odd_keys_in_every_other_operation",
        "test_odd_keys_live_side_by_side",
    ),
    "checksums: no type, none of whole uploads, other codes, two at once taken": (
        "test_a_checksum_in_the_trailer_is_checked_and_kept",
        "test_a_checksum_is_kept_and_given_to_who_asks",
        "test_a_checksum_that_can_be_none_is_refused",
        "test_a_composite_checksum_is_the_checksum_of_those_of_the_parts",
        "test_an_unknown_algorithm_is_refused",
        "test_attributes_are_those_asked_for",
        "test_the_checksum_of_a_part_named_at_complete_is_checked",
        "test_the_md5_of_the_sender_is_checked",
        "test_two_checksums_are_one_too_many",
    ),
    "conditions: other codes on absent objects, size, time and future dates ignored": (
        "test_a_complete_with_conditions",
        "test_a_delete_marker_is_no_object_to_a_condition",
        "test_a_read_that_changed_nothing_is_304_without_a_body",
        "test_conditions_on_the_target",
        "test_conditions_that_s3_does_not_take_on_a_write_are_not_ignored",
        "test_delete_by_size_and_time",
        "test_delete_with_a_condition_needs_an_object",
        "test_of_concurrent_deletes_if_unchanged_exactly_one_wins",
        "test_put_if_unchanged_needs_an_object",
    ),
    "reads: HEAD takes no range, 416 without the size, other defaults of headers": (
        "test_a_plain_object_is_its_own_first_part",
        "test_a_range_beyond_the_end_is_416",
        "test_a_range_is_206_with_the_part_alone",
        "test_a_range_that_is_none_is_ignored",
        "test_headers_and_metadata_come_back",
        "test_what_was_not_said_is_not_given_but_a_content_type",
    ),
    "multipart: unquoted ETags of copied parts, other limits, codes and pages": (
        "test_a_complete_without_parts_is_malformed",
        "test_a_copy_of_a_multipart_object_is_a_plain_one",
        "test_a_part_copied_from_an_object",
        "test_a_part_copied_with_a_bad_range_or_source",
        "test_a_part_sent_again_replaces_the_one_before",
        "test_part_numbers_lie_between_1_and_10000",
        "test_parts_are_listed_in_pages",
        "test_parts_are_named_as_they_were_sent",
        "test_parts_are_named_in_ascending_order_and_once",
        "test_the_size_that_complete_expects_is_checked",
    ),
    "copies: 500 without a source, checksum, storage class and version not told": (
        "test_a_copy_has_data_headers_metadata_and_tags_of_its_source",
        "test_a_copy_keeps_the_checksum_or_makes_the_one_asked_for",
        "test_a_delete_marker_cannot_be_copied",
        "test_a_missing_source",
        "test_a_version_can_be_copied_and_made_the_latest_again",
        "test_the_storage_class_is_not_copied",
    ),
    "versions: delete markers and the null version while suspended": (
        "test_a_marker_itself_cannot_be_read",
        "test_each_page_of_versions_can_be_removed_before_the_next",
        "test_a_state_that_is_none_is_refused",
        "test_a_version_that_never_was",
        "test_tags_of_an_older_version_can_be_changed",
        "test_while_suspended_a_delete_puts_a_null_marker_in_place_of_the_null_version",
        "test_while_suspended_a_put_replaces_the_null_version_alone",
    ),
    "buckets: no region, versions do not keep one, HEAD cannot tell that one is missing": (
        "test_a_bucket_with_a_version_or_a_delete_marker_cannot_be_deleted",
        "test_a_created_bucket_is_there_until_it_is_deleted",
        "test_the_region_of_a_bucket_is_its_location_constraint",
        "test_without_the_bucket_every_operation_says_so",
    ),
    "limits of tags, metadata and requests": (
        "test_a_request_that_names_no_key_is_malformed",
        "test_a_thousand_keys_and_no_more",
        "test_an_object_has_ten_tags_at_most",
        "test_bad_tags_are_refused_and_the_old_ones_stay",
        "test_bad_tags_with_an_object_are_refused",
        "test_metadata_beyond_2_kb_is_refused",
        "test_tags_of_a_bucket",
        "test_the_longest_tags_are_taken",
        "test_what_is_said_to_be_larger_than_5_gib_is_refused_unread",
    ),
}
"""What differs -> the tests that show it, for some of their parameters at least."""

_LEFT_OUT = frozenset(test for tests in DEVIATIONS.values() for test in tests)


def remote_store(peer: Peer) -> RemoteStore:
    """A store for all tests of a run; it is closed after each, since each has its own loop."""
    keys = CredentialProvider(region=peer.region, key=RemoteKey(peer.access_key, peer.secret_key))
    return RemoteStore(Settings(peer.endpoint), keys)


def arrange(items: list[pytest.Item]) -> Iterable[pytest.Item]:
    """The tests that are to be run: before SeaweedFS only those that it can judge."""
    for item in items:
        stack = item.callspec.params.get("store") if hasattr(item, "callspec") else None
        if stack not in (*REMOTES, QUEUED, WHOLE) or not isinstance(item, pytest.Function):
            yield item
        elif item.path.stem not in NOT_JUDGED and item.originalname not in _LEFT_OUT:
            item.add_marker(pytest.mark.slow)
            yield item
