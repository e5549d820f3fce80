import shlex

from s3d.tui.copies import copies

END = "http://127.0.0.1:33333"


def found(*what):
    return {letter: text for letter, _, text in copies(*what, END)}


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
