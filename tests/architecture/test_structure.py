"""How the source is cut: docs/architecture.md, "Floors". Each exception has its reason."""

from tests.architecture import source

SAME_ROLE = {
    "layer": "the layer itself, of the write queue and of the read cache",
    "listings": "the handlers of listings, in each store",
    "multipart": "the handlers of multipart uploads, in each store",
    "objects": "the handlers of objects, in each store",
    "uploads": "the listing of uploads, in each store",
    "buckets": "the handlers of buckets, in each store",
}
"""File names that several packages have, since the file does the same in each."""

SMALL: dict[str, str] = {}
"""Module under source.SMALL_MODULE lines -> why it stands alone. At most MOST_SMALL."""
MOST_SMALL = 20

BIG: dict[str, str] = {}
"""Class over source.MOST_METHODS or MOST_ATTRIBUTES -> why it is one. At most MOST_BIG."""
MOST_BIG = 5


def test_there_is_no_import_cycle_even_for_the_type_checker():
    assert source.cycles() == []


def test_a_file_name_means_one_thing():
    shared = source.shared_file_names()
    assert {name: where for name, where in shared.items() if name not in SAME_ROLE} == {}
    assert SAME_ROLE.keys() <= shared.keys()


def test_a_small_module_has_a_reason():
    assert source.small_modules().keys() == SMALL.keys()
    assert len(SMALL) <= MOST_SMALL


def test_a_big_class_has_a_reason():
    sizes = [size for module in source.MODULES for size in source.class_sizes(module)]
    assert {f"{each.module}.{each.name}" for each in sizes if source.too_big(each)} == BIG.keys()
    assert len(BIG) <= MOST_BIG


def test_no_public_name_is_a_refused_word():
    assert [one for module in source.MODULES for one in source.refused(module)] == []


def test_the_checks_see_what_they_are_for():
    """They find an offence in a tree that has one."""
    names = [one.name for module in source.MODULES for one in source.definitions(module)]
    assert len(names) > 5_000
    assert any(each.methods > 10 for each in source.class_sizes("s3d.agent.storage.index"))
