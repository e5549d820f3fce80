import shlex

import pytest

from s3d.tui.places import (
    HOME,
    MAX_HISTORY,
    History,
    clipboard_choices,
    level_of,
    parent,
    parse_place,
)

END = "http://127.0.0.1:33333"


def test_back_and_forward():
    history = History()
    assert history.back(HOME) is None
    history.visit(HOME)
    history.visit(("b", ""))
    assert history.back(("b", "p/")) == ("b", "")
    assert history.back(("b", "")) == HOME
    assert history.forward(HOME) == ("b", "")
    assert history.forward(("b", "")) == ("b", "p/")
    assert history.forward(("b", "p/")) is None


def test_a_new_way_forgets_the_old_one():
    history = History()
    history.visit(HOME)
    history.back(("b", ""))
    history.visit(HOME)
    assert history.forward(("c", "")) is None
    for n in range(2 * MAX_HISTORY):
        history.visit(("b", f"{n}/"))
    assert len(history._past) == MAX_HISTORY


def test_the_level_above():
    assert parent(("b", "a/c/")) == ("b", "a/")
    assert parent(("b", "a/")) == ("b", "")
    assert parent(("b", "")) == HOME


@pytest.mark.finding("tui-2")
def test_a_slash_in_front_is_the_same_place():
    assert parse_place("/b/p/q/") == parse_place("b/p/q/") == ("b", "p/q/")
    assert parse_place("/") == HOME


@pytest.mark.finding("tui-3")
@pytest.mark.parametrize(
    "text",
    [
        " s3://b/p/q r ", "arn:aws:s3:::b/p/q r", "arn:aws-cn:s3:::b/p/q r",
        "http://127.0.0.1:33333/b/p/q%20r", "https://b.s3.eu-west-1.amazonaws.com/p/q%20r",
        "https://s3.eu-west-1.amazonaws.com/b/p/q%20r?X-Amz-Signature=1",
        "http://b.s3.localhost:33333/p/q%20r",
        "https://eu-west-1.console.aws.amazon.com/s3/object/b?prefix=p/q%20r",
    ],
)  # fmt: skip
def test_what_names_an_object_is_read(text):
    assert parse_place(text) == ("b", "p/q r")


def test_what_names_nothing_is_the_list_of_buckets():
    assert parse_place("https://") == parse_place("http://[::1") == HOME
    assert parse_place("b") == ("b", "")


@pytest.mark.finding("tui-3")
def test_a_key_is_on_the_level_above_it():
    assert level_of(("b", "p/q")) == (("b", "p/"), "p/q")
    assert level_of(("b", "p/")) == (("b", "p/"), "")
    assert level_of(("b", "")) == (("b", ""), "")
    assert level_of(HOME) == (HOME, "")


def found(*what):
    return {letter: text for letter, _, text in clipboard_choices(*what, END)}


def test_of_an_object():
    texts = found("b", "a b/ü.txt", '"abc"')
    assert texts["k"] == "a b/ü.txt"
    assert texts["u"] == "s3://b/a b/ü.txt"
    assert texts["a"] == "arn:aws:s3:::b/a b/ü.txt"
    assert texts["e"] == "abc"
    assert texts["l"] == f"{END}/b/a%20b/%C3%BC.txt"
    assert shlex.split(texts["c"])[:5] == ["aws", "s3", "cp", "s3://b/a b/ü.txt", "."]


def test_of_a_bucket_and_a_prefix():
    assert set(found("b", "", "")) == {"u", "a", "l", "c"}
    texts = found("b", "p/", "")
    assert set(texts) == {"k", "u", "a", "l", "c"}
    assert shlex.split(texts["c"])[:3] == ["aws", "s3", "ls"]
