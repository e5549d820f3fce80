import pytest

from tests.order import begin_with


@pytest.mark.parametrize("workers", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("waiting", [0, 1, 7, 40, 101])
def test_each_test_is_there_once_and_the_others_keep_their_order(workers, waiting):
    tests = list(range(101))
    ordered = begin_with(tests, lambda test: test < waiting, workers)
    assert sorted(ordered) == tests
    assert [test for test in ordered if test >= waiting] == tests[waiting:]


def test_half_of_the_workers_begin_with_what_waits():
    tests = [f"{kind}{number}" for kind in "wc" for number in range(8)]
    ordered = begin_with(tests, lambda test: test[0] == "w", 4)
    assert [ordered[start : start + 4] for start in (0, 4, 8, 12)] == [
        ["w0", "w2", "w4", "w6"],
        ["w1", "w3", "w5", "w7"],
        ["c0", "c1", "c2", "c3"],
        ["c4", "c5", "c6", "c7"],
    ]


def test_a_part_is_as_long_as_pytest_xdist_makes_it():
    """Otherwise what waits would begin in the middle of the part of another worker."""
    ordered = begin_with("wwwccccccc", lambda test: test == "w", 4)
    assert "".join(ordered) == "ww" + "wc" + "ccc" + "ccc"
