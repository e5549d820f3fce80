import json
import pickle  # noqa: TID251 - to show that it does not help

import msgspec
import pytest

from s3d.shared.secret import MASK, Secret

PLAIN = "correct horse battery staple"


@pytest.mark.parametrize("show", [str, repr, "{}".format, "{:>40}".format, "%s".__mod__])
def test_text_of_a_secret_is_a_mask(show):
    assert show(Secret(PLAIN)).strip() == MASK


def test_a_container_does_not_show_it():
    assert PLAIN not in repr({"key": [Secret(PLAIN)]})


def test_json_does_not_show_it():
    with pytest.raises(TypeError):
        json.dumps(Secret(PLAIN))
    with pytest.raises(TypeError):
        msgspec.json.encode(Secret(PLAIN))
    assert PLAIN not in json.dumps(Secret(PLAIN), default=str)


def test_pickle_does_not_carry_it():
    data = pickle.dumps(Secret(PLAIN))
    assert PLAIN.encode() not in data
    assert pickle.loads(data).reveal() == MASK


def test_reveal_gives_it_back():
    assert Secret(PLAIN).reveal() == PLAIN


def test_secrets_compare_by_value():
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a")}) == 1
