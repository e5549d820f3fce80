import pytest

from s3d.agent.s3.listing_order import (
    BYTES,
    OTHER,
    SAMPLE,
    UNKNOWN,
    is_in_order,
    may_stream,
    order_of,
    order_of_sample,
)


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
