"""The form of receipts and of their export; the signatures are those of a toy key."""

import pytest

from s3d.shared.receipts import (
    FORMAT,
    Receipt,
    SignedReceipt,
    check_receipts,
    export_line,
    parse_line,
)
from tests.agent.receipts.made import chain, receipt


def is_signed(signed: SignedReceipt) -> bool:
    return signed.signature == b"signed"


def test_an_exported_line_has_the_payload_as_it_was_signed():
    signed = SignedReceipt(b'{"format":1,  "spaces": "stay"}', b"\0\1")
    assert parse_line(export_line(signed)) == signed


@pytest.mark.parametrize("line", [b"", b"{}", b"nonsense", b'{"receipt": {}, "signature": "*"}'])
def test_another_line_is_no_receipt(line):
    with pytest.raises(ValueError, match="not a receipt"):
        parse_line(line)


def test_a_chain_of_signed_receipts_has_no_findings():
    assert list(check_receipts(chain(3), is_signed)) == []
    assert list(check_receipts(chain(3)[1:], is_signed)) == []


def test_a_receipt_that_is_missing_in_between_is_found():
    first, _, third = chain(3)
    found = list(check_receipts([first, third], is_signed))
    assert [each.number for each in found] == [2]
    assert "missing" in found[0].what


def test_a_wrong_signature_is_found():
    first, second = chain(2)
    found = list(check_receipts([first, SignedReceipt(second.payload, b"other")], is_signed))
    assert [each.number for each in found] == [2]


def test_a_payload_of_a_newer_s3d_or_none_at_all_is_found():
    newer = receipt(1, "", format=FORMAT + 1)
    found = [
        next(check_receipts([each], is_signed)) for each in (newer, SignedReceipt(b"?", b"signed"))
    ]
    assert "format" in found[0].what
    assert "cannot be read" in found[1].what


def test_the_payload_is_decoded():
    signed = receipt(7, "before", key="a/b")
    assert isinstance(signed.receipt(), Receipt)
    assert (signed.receipt().sequence, signed.receipt().key) == (7, "a/b")
