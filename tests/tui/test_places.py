import shlex

from s3d.tui.places import HOME, MAX_HISTORY, History, clipboard_choices, parent, parse_place

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


def test_a_place_is_read():
    assert parse_place(" s3://b/p/q ") == ("b", "p/q")
    assert parse_place("b") == ("b", "")


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
