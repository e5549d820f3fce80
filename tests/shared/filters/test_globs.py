"""Patterns, held against a slow and obvious matcher."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3d.shared.filters.globs import ALL, Glob, Token, Wild, escaped

tokens = st.lists(st.sampled_from(["a", "b", "/", Wild.RUN, Wild.ONE]), max_size=8)
texts = st.text("ab/", max_size=8)


def slowly(tokens: list[Token], text: str) -> bool:
    if not tokens:
        return not text
    first, rest = tokens[0], tokens[1:]
    if first is Wild.RUN:
        return any(slowly(rest, text[at:]) for at in range(len(text) + 1))
    return bool(text) and (first is Wild.ONE or text[0] == first) and slowly(rest, text[1:])


@given(tokens, texts)
def test_it_matches_as_the_slow_one_does(tokens, text):
    assert Glob(tokens).matches(text) is slowly(tokens, text)


@given(tokens)
def test_equal_tokens_are_equal_patterns(tokens):
    glob = Glob(tokens)
    assert glob == Glob(glob.tokens)
    assert hash(glob) == hash(Glob(tokens))
    assert glob != glob.text()
    assert glob.is_exact is all(isinstance(token, str) for token in tokens)


@given(tokens, texts)
def test_all_that_matches_begins_with_the_literal(tokens, text):
    glob = Glob(tokens)
    assert not glob.matches(text) or text.startswith(glob.literal)


def test_a_star_takes_new_lines_too():
    assert Glob([Wild.RUN, "x", Wild.ONE, Wild.RUN]).matches("a\nx\nb")


def test_what_is_literal_is_written_with_a_backslash():
    glob = Glob(["a*b?", Wild.RUN, "[", "\\"])
    assert glob.text("[") == r"a\*b\?*\[\\"
    assert repr(glob) == r"Glob('a\\*b\\?*[\\\\')"
    assert escaped("a'b", "'") == r"a\'b"


def test_a_star_alone_fits_all():
    assert ALL.fits_all
    assert ALL.matches("")
    assert not Glob(["a", Wild.RUN]).fits_all


@pytest.mark.parametrize(
    ("tokens", "text"),
    [
        ([Wild.RUN, "a"] * 512, "a" * 1023 + "b"),
        ([Wild.RUN, "a"] * 512 + [Wild.RUN, "b"], "a" * 1024),
        ([Wild.RUN, *["a", Wild.ONE] * 256, "c", Wild.RUN, "z"], "a" * 1023 + "z"),
    ],
)
def test_no_pattern_is_slow(tokens, text):
    glob = Glob(tokens)
    spent = []
    for _ in range(5):
        begin = time.process_time()
        assert not glob.matches(text)
        spent.append(time.process_time() - begin)
    assert min(spent) < 0.005


def test_making_a_pattern_of_literals_is_quick():
    """A policy with variables makes its patterns for each decision, on the event loop."""
    pieces = [f"{number:04d}" for number in range(6_000)]
    patterns = [
        [token for piece in pieces[at : at + 200] for token in (Wild.RUN, piece)]
        for at in range(0, len(pieces), 200)
    ]
    spent = []
    for _ in range(5):
        begin = time.process_time()
        for pattern in patterns:
            Glob(pattern)
        spent.append(time.process_time() - begin)
    assert min(spent) < 0.025
