"""listing: roll_up against a model that reads everything, tokens, encoding-type=url."""

from __future__ import annotations

import bisect
from dataclasses import replace
from urllib.parse import unquote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.listing import (
    BYTES,
    OTHER,
    SAMPLE,
    UNKNOWN,
    Page,
    Position,
    Query,
    decode_token,
    encode_token,
    is_in_order,
    may_stream,
    order_of,
    order_of_sample,
    roll_up,
    url_encode,
)


class Names:
    """An ordered list of names that counts how it is read."""

    def __init__(self, names: list[bytes], prefix: bytes = b"") -> None:
        self.names = sorted({name for name in names if name.startswith(prefix)})
        self.fetches = 0
        self.read = 0

    def fetch(self, after: Position[None], limit: int) -> list[bytes]:
        start = bisect.bisect_right(self.names, after[0])
        found = self.names[start : start + limit]
        self.fetches += 1
        self.read += len(found)
        return found

    def page(self, prefix: bytes, delimiter: bytes, after: bytes, limit: int) -> Page[bytes, None]:
        query = Query(prefix, delimiter, (after, None), limit)
        return roll_up(self.fetch, lambda name: (name, None), query)


def model(names: list[bytes], prefix: bytes, delimiter: bytes) -> list[tuple[bytes, bool]]:
    """Every item in order, (name, whether it is a common prefix), by reading all names."""
    items = set()
    for name in names:
        if name.startswith(prefix):
            head, found, _ = name[len(prefix) :].partition(delimiter or b"\xff")
            items.add((prefix + head + found, bool(found)))
    return sorted(items)


def pages(names: list[bytes], prefix: bytes, delimiter: bytes, limit: int, after: bytes = b""):
    """All pages from after on, each resumed from the name that the one before ended at."""
    source = Names(names, prefix)
    while True:
        page = source.page(prefix, delimiter, after, limit)
        yield page
        if not page.truncated:
            return
        assert page.next[0] > after
        after = page.next[0]


keys = st.lists(
    st.text(alphabet="ab/-ü\U0001f600", min_size=1, max_size=7).map(str.encode), max_size=25
)
words = st.sampled_from([b"", b"a", b"a/", b"/", b"ab", b"a/b/", "ü".encode()])
delimiters = st.sampled_from([b"", b"/", b"//", b"-", b"/a", "ü".encode(), b"ab"])


@settings(max_examples=300, deadline=None)
@given(keys, words, delimiters, st.integers(1, 6))
def test_pages_of_every_size_together_give_what_reading_everything_gives(
    names, prefix, delimiter, limit
):
    expected = model(names, prefix, delimiter)
    given = []
    for page in pages(names, prefix, delimiter, limit):
        items = sorted([(e, False) for e in page.entries] + [(p, True) for p in page.prefixes])
        assert len(page) == len(items) <= limit
        assert page.entries == sorted(page.entries)
        assert page.prefixes == sorted(page.prefixes)
        assert page.next[0] == (items[-1][0] if items else b"")
        assert len(items) == limit or not page.truncated
        given += items
    assert given == expected


@settings(max_examples=300, deadline=None)
@given(keys, words, delimiters, st.text(alphabet="ab/-ü", max_size=5), st.integers(1, 30))
def test_a_listing_gives_exactly_the_items_greater_than_after(
    names, prefix, delimiter, after, limit
):
    start = after.encode()
    expected = [item for item in model(names, prefix, delimiter) if item[0] > start]
    page = next(pages(names, prefix, delimiter, limit, start))
    items = sorted([(e, False) for e in page.entries] + [(p, True) for p in page.prefixes])
    assert items == expected[:limit]
    assert page.truncated == (len(expected) > limit)


@pytest.mark.parametrize(
    ("names", "prefix", "delimiter", "after", "entries", "prefixes"),
    [
        # a key that ends in the delimiter is its own common prefix
        ([b"k", b"k/", b"k/x"], b"", b"/", b"", [b"k"], [b"k/"]),
        ([b"k/"], b"", b"/", b"", [], [b"k/"]),
        # under the prefix it is an entry again
        ([b"k", b"k/", b"k/x"], b"k/", b"/", b"", [b"k/", b"k/x"], []),
        # the prefix itself being a key
        ([b"k", b"k/x"], b"k", b"/", b"", [b"k"], [b"k/"]),
        # a delimiter within the prefix does not count
        ([b"a/b/c", b"a/d"], b"a/", b"/", b"", [b"a/d"], [b"a/b/"]),
        # several characters
        ([b"a--b--c", b"a-b"], b"", b"--", b"", [b"a-b"], [b"a--"]),
        # after at, inside and behind a common prefix
        ([b"a/1", b"a/2", b"b"], b"", b"/", b"a/", [b"b"], []),
        ([b"a/1", b"a/2", b"b"], b"", b"/", b"a/1", [b"b"], []),
        ([b"a/1", b"a/2", b"b"], b"", b"/", b"a", [b"b"], [b"a/"]),
        ([b"a/1", b"a/2", b"a0"], b"", b"/", b"a/9", [b"a0"], []),
        # after before the prefix, and behind everything under it
        ([b"p/1", b"q"], b"p/", b"/", b"a", [b"p/1"], []),
        ([b"p/1", b"q"], b"p/", b"/", b"q", [], []),
        # the highest character there is still lies before the jump
        (["a/\U0010ffff".encode(), b"b"], b"", b"/", b"", [b"b"], [b"a/"]),
    ],
)
def test_roll_up_in_the_corners(names, prefix, delimiter, after, entries, prefixes):
    source = Names(names, prefix)
    page = source.page(prefix, delimiter, after, 1000)
    assert (page.entries, page.prefixes, page.truncated) == (entries, prefixes, False)


def test_a_limit_of_zero_is_an_empty_complete_page_and_reads_nothing():
    source = Names([b"a", b"b"])
    page = source.page(b"", b"/", b"", 0)
    assert (len(page), page.truncated, source.fetches) == (0, False, 0)


def test_what_lies_below_a_common_prefix_is_jumped_over():
    names = [b"%d/%05d" % (folder, file) for folder in range(5) for file in range(20_000)]
    source = Names([*names, b"z"])
    page = source.page(b"", b"/", b"", 1000)
    assert page.prefixes == [b"0/", b"1/", b"2/", b"3/", b"4/"]
    assert page.entries == [b"z"]
    assert source.fetches <= 7
    assert source.read <= 200


def test_a_flat_page_is_read_in_one_fetch_without_delimiter():
    source = Names([b"%05d" % number for number in range(5000)])
    page = source.page(b"", b"", b"", 1000)
    assert (len(page), page.truncated, source.fetches, source.read) == (1000, True, 1, 1001)


def test_a_flat_page_with_delimiter_needs_few_fetches_of_growing_size():
    source = Names([b"%05d" % number for number in range(5000)])
    page = source.page(b"", b"/", b"", 1000)
    assert (len(page), page.truncated) == (1000, True)
    assert source.fetches <= 8
    assert source.read <= 1010


def test_whether_a_full_page_is_truncated_is_judged_behind_its_last_common_prefix():
    names = [b"a/%d" % number for number in range(100)]
    for extra, truncated in ([], False), ([b"b"], True):
        source = Names(names + extra)
        page = source.page(b"", b"/", b"", 1)
        assert (page.prefixes, page.next[0], page.truncated) == ([b"a/"], b"a/", truncated)
        assert source.fetches == 2


versions = st.lists(
    st.tuples(keys.map(lambda names: names[0] if names else b"k"), st.integers(0, 3))
)


@settings(max_examples=200, deadline=None)
@given(versions, words, delimiters, st.integers(1, 5))
def test_several_entries_of_a_key_come_in_their_order(entries, prefix, delimiter, limit):
    places = sorted({place for place in entries if place[0].startswith(prefix)})

    def fetch(after: Position[int], limit: int) -> list[Position[int]]:
        start = bisect.bisect_right(places, after)
        return places[start : start + limit]

    query, given = Query(prefix, delimiter, (b"", 0), limit), []
    while True:
        page = roll_up(fetch, lambda place: place, query)
        given += [*page.entries, *((name, None) for name in page.prefixes)]
        if not page.truncated:
            break
        query = replace(query, after=page.next)
    rolled = dict(model([key for key, _ in places], prefix, delimiter))
    expected = [place for place in places if rolled.get(place[0]) is False]
    assert [item for item in given if item[1] is not None] == expected
    prefixes = [name for name, is_prefix in rolled.items() if is_prefix]
    assert [item[0] for item in given if item[1] is None] == prefixes


@given(st.text(st.characters(codec="utf-8"), max_size=40).map(str.encode))
def test_a_token_stands_for_the_name(name):
    assert decode_token(encode_token(name)) == name


@pytest.mark.parametrize(
    "token",
    ["", "x", "YQ==", "2YQ==", "1not base64!", "1YQ", "1YQ===", "1é", "1YR==", "1/w==", "1_w=="],
)
def test_a_foreign_token_is_an_invalid_argument(token):
    with pytest.raises(S3Error) as caught:
        decode_token(token)
    assert caught.value.code == "InvalidArgument"


@given(st.text(st.characters(codec="utf-8"), max_size=20))
def test_url_encoding_is_undone_by_the_decoder_of_botocore(name):
    encoded = url_encode(name)
    assert unquote_plus(encoded) == name
    assert encoded.isascii()
    assert encoded == url_encode(name.encode())


@pytest.mark.parametrize(
    ("name", "encoded"),
    [
        ("a/b.txt", "a/b.txt"),
        ("a b", "a%20b"),
        ("a+b", "a%2Bb"),
        ("test_file(3).png", "test_file%283%29.png"),
        ("a*b", "a*b"),
        ("ü\n", "%C3%BC%0A"),
    ],
)
def test_url_encoding_as_aws_writes_it(name, encoded):
    assert url_encode(name) == encoded


@pytest.mark.finding("S8")
def test_only_the_order_of_s3_may_be_streamed():
    assert [may_stream(order) for order in (BYTES, OTHER, UNKNOWN)] == [True, False, False]


@pytest.mark.parametrize(
    ("keys", "order"),
    [([], UNKNOWN), (["a"], UNKNOWN), (["a-", "a/b"], UNKNOWN), (["a/b", "a-"], OTHER),
     (["a", "a"], OTHER), (["b", "a"], OTHER)],
)  # fmt: skip
def test_keys_out_of_order_prove_another_order(keys, order):
    assert order_of(keys) == order
    assert is_in_order(keys) is (order == UNKNOWN)


@pytest.mark.parametrize(
    ("key", "order"),
    [
        (str.encode, BYTES),
        (lambda name: name.split("/"), OTHER),
        (str.lower, OTHER),
        (len, OTHER),
        (lambda name: [-byte for byte in name.encode()], OTHER),
    ],
)
def test_the_sample_tells_orders_apart(key, order):
    assert order_of_sample(sorted(SAMPLE, key=key)) == order


def test_a_sample_that_is_not_whole_proves_nothing():
    assert order_of_sample(sorted(SAMPLE)[1:]) == UNKNOWN
