"""Which uploads get a receipt, and when and in which order their copies go."""

from s3d.agent.receipts.receipt_file import Due, Upload
from s3d.agent.receipts.upload_rules import UploadRules
from s3d.shared.config.after_upload import parse_after_upload

UPLOAD = Upload("cams", "a", '"e"', 5, "e", at=3.0)


def rules(text: str, *, receipts: bool = False) -> UploadRules:
    return UploadRules(parse_after_upload(text), receipts=receipts)


def test_only_what_is_evicted_gets_a_receipt_unless_all_do():
    some = rules("cams=evict when verified, keep")
    assert (some.wants_receipt("cams", "a"), some.wants_receipt("other", "a")) == (True, False)
    assert rules("keep", receipts=True).wants_receipt("other", "a")
    assert some.is_active
    assert not rules("keep").is_active


def test_the_age_counts_from_the_verification():
    assert rules("evict after 1 day").due_at(UPLOAD, 100.0) == Due("cams", "a", '"e"', 86500.0, 3.0)
    assert rules("evict when verified").due_at(UPLOAD, 100.0).at == 100.0
    assert rules("keep").due_at(UPLOAD, 100.0) is None


def test_the_order_is_that_of_each_policy():
    mixed = rules("cams=evict when verified newest first, evict when verified")
    old, new = Due("cams", "a", "", 0.0, 1.0), Due("cams", "b", "", 0.0, 2.0)
    assert sorted([old, new], key=mixed.order) == [new, old]
    assert sorted([new, old], key=rules("evict when verified").order) == [old, new]
    assert not mixed.is_newest_first
    assert rules("cams=evict when verified newest first, keep").is_newest_first
