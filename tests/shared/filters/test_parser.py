"""The grammar, and what is said of a slip of the pen."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s3d.shared.filters.expression import Filter
from s3d.shared.filters.globs import Glob, Wild
from s3d.shared.filters.parser import FilterError, parse_terms
from s3d.shared.filters.terms import DATES, HEADERS, SIZE, Predicate, Source, Term

WILD = [Wild.RUN, Wild.ONE]
names = st.text(min_size=1, max_size=4)
globs = st.lists(st.one_of(st.text(min_size=1, max_size=3), st.sampled_from(WILD)), max_size=4)
keys = globs.filter(bool).map(Glob)
buckets = st.lists(st.sampled_from(["a", "0", "-", ".", *WILD]), min_size=1, max_size=4).map(Glob)
ops = st.sampled_from(["=", "!="])


def predicates(source: Source, names: st.SearchStrategy[str]) -> st.SearchStrategy[Predicate]:
    return st.one_of(
        st.builds(Predicate, st.just(source), names),
        st.builds(Predicate, st.just(source), names, ops, globs.map(Glob)),
    )


of_object = st.one_of(
    predicates(Source.TAG, names),
    predicates(Source.METADATA, names.map(str.lower).filter(lambda name: name == name.lower())),
    predicates(Source.HEADER, st.sampled_from(sorted(HEADERS - DATES - {SIZE}))),
)
terms = st.builds(
    lambda bucket, key, first, then, excludes: Term(bucket, key, (*first, *then), excludes),
    buckets,
    keys,
    st.lists(predicates(Source.BUCKET_TAG, names), max_size=2),
    st.lists(of_object, max_size=2),
    st.booleans(),
)


@settings(max_examples=500, deadline=None)
@given(st.lists(terms, max_size=3))
def test_what_is_written_is_read_as_the_same(terms):
    wanted = Filter(tuple(terms))
    assert Filter.parse(str(wanted)) == wanted


@given(st.text("ab/*?[]:=!<>'\"\\;#\n taghdrm1"))
def test_any_text_is_read_or_refused_with_a_place(text):
    error = refusal(text)
    if error is not None:
        assert error.line == text.split("\n")[error.number - 1]
        assert 1 <= error.column <= len(error.line) + 1
        assert error.quoted[1].endswith("^")


def refusal(text):
    try:
        parse_terms(text)
    except FilterError as error:
        return error
    return None


def test_comments_blanks_and_lines():
    found = parse_terms("# all of it; really\n photos/* ; \r\n!photos/tmp/*  \n\n")
    assert [str(term) for term in found] == ["photos", "!photos/tmp/*"]


def test_the_line_with_the_mistake_is_shown():
    with pytest.raises(FilterError) as caught:
        parse_terms("a/*\nb/*[tag:]\nc")
    assert (caught.value.number, caught.value.column) == (2, 9)
    assert str(caught.value) == "line 2, column 9: a name is missing"
    assert caught.value.quoted == ("b/*[tag:]", "        ^")


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a/", "a"),
        ("a/[tag:x]", "a/*[tag:x]"),
        ("a/x y", r"a/x\ y"),
        (r"a/x\ ", r"a/x\ "),
        (r"a/x\;y", r"a/x\;y"),
        ("a/*[tag:\"x=1\"='a;b']", "a/*[tag:'x=1'='a;b']"),
        ("a/*[md:Owner=x]", "a/*[md:owner='x']"),
        ("a/*[hdr:Content-Length>=10M] ", "a/*[hdr:content-length>=10M]"),
        ("a/*[tag:n<2026-01-01]", "a/*[tag:n<2026-01-01]"),
    ],
)
def test_the_one_way_to_write_it(text, written):
    (term,) = parse_terms(text)
    assert str(term) == written
    assert parse_terms(written) == (term,)


@pytest.mark.parametrize(
    ("text", "column", "why"),
    [
        ("a_b", 2, "lower-case letters"),
        ("a/*[tag:x<y]", 11, "needs a number or a date"),
        ("a/*[hdr:content-typ=x]", 9, "did you mean content-type?"),
        ("a/*[tag:x=\n]", 11, "closing ]"),
    ],
)
def test_slips(text, column, why):
    with pytest.raises(FilterError, match=why.replace("?", r"\?")) as caught:
        parse_terms(text)
    assert caught.value.column == column


@pytest.mark.parametrize(
    ("text", "line", "caret"),
    [
        ("b/日本[foo:x]", "b/日本[foo:x]", "       ^"),
        ("b/e\u0301[foo:x]", "b/e\u0301[foo:x]", "    ^"),
        ("b/\ta[foo:x]", "b/ a[foo:x]", "     ^"),
        ("b/" + "k" * 90_000 + "[foo:x]" + "y" * 500,
         "…" + "k" * 29 + "[foo:x]" + "y" * 84 + "…", " " * 31 + "^"),
    ],
)  # fmt: skip
def test_the_caret_is_below_the_place_in_a_terminal(text, line, caret):
    with pytest.raises(FilterError) as caught:
        parse_terms(text)
    assert caught.value.quoted == (line, caret)


@pytest.mark.parametrize("name", ["hdr:x-amz-meta-owner", "md:X-Amz-Meta-Owner"])
def test_metadata_has_names_without_the_prefix(name):
    with pytest.raises(FilterError, match=r"write \[md:owner\]"):
        parse_terms(f"b/*[{name}=ann]")


def test_a_long_pattern_is_read_in_time():
    began = time.process_time()
    parse_terms("b/" + "a" * 1_000_000)
    assert time.process_time() - began < 3
