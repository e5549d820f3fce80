import pytest

from s3d.cli.target import Target
from s3d.cli.target_objects import Conditions, folder_prefix, select
from s3d.shared.control import ObjectInfo
from s3d.shared.errors import UsageError
from s3d.shared.object_patterns import PathRule


def test_a_recursive_key_is_a_folder():
    assert [folder_prefix(key) for key in ("", "p", "p/")] == ["", "p/", "p/"]


def test_conditions_are_all_met():
    item = ObjectInfo("b", "p/a.txt", 1, '"e"', 1000.0)
    assert Conditions().test("p/")(item)
    assert Conditions(older=1001.0, newer=999.0).test("p/")(item)
    assert not Conditions(older=1000.0).test("p/")(item)
    assert not Conditions(newer=1000.0).test("p/")(item)
    assert not Conditions([PathRule(False, "a*")]).test("p/")(item)
    assert Conditions([PathRule(False, "a*")]).test("")(item)


def test_a_glob_names_what_is_listed(serving, bucket, store):
    store("a?")
    chosen = select(serving.objects, Target(bucket, "p/b*/c"), recursive=False)
    assert chosen is not None
    assert (chosen.prefix, chosen.base, chosen.matches("p/bb/c")) == ("p/b", "p/", True)
    assert select(serving.objects, Target(bucket, "a?"), recursive=False) is None, "it exists"
    assert select(serving.objects, Target(bucket, "a*"), recursive=False, no_glob=True) is None
    for key in ("a**b" * 9, ""):
        target = Target(bucket if key else "b*", key or "*")
        with pytest.raises(UsageError):
            select(serving.objects, target, recursive=False)
