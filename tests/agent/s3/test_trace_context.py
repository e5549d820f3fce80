import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3d.agent.s3.trace_context import MAX_STATE, TraceContext, parse, parse_headers

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{SPAN}-01"


def test_the_example_of_the_specification():
    context = parse(PARENT, "rojo=00f067aa0ba902b7, congo=t61rcWkgMzE")
    assert context == TraceContext(TRACE, SPAN, True, "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE")
    assert context.headers() == [("traceparent", PARENT), ("tracestate", context.state)]


@pytest.mark.parametrize(
    ("flags", "is_sampled"), [("00", False), ("01", True), ("03", True), ("02", False)]
)
def test_the_flag_of_sampling_is_kept_and_no_other(flags, is_sampled):
    context = parse(f"00-{TRACE}-{SPAN}-{flags}")
    assert context is not None
    assert context.is_sampled is is_sampled
    assert context.traceparent == f"00-{TRACE}-{SPAN}-{'01' if is_sampled else '00'}"


@pytest.mark.parametrize("parent", [f"01-{TRACE}-{SPAN}-01", f"cc-{TRACE}-{SPAN}-01-what-follows"])
def test_a_later_version_is_read_as_far_as_it_is_known(parent):
    assert parse(parent) == TraceContext(TRACE, SPAN)


@pytest.mark.parametrize(
    "parent",
    [
        "",
        "00",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}-01\r\nx: y",
        f"00-{TRACE}-{SPAN}-01\n",
        f" 00-{TRACE}-{SPAN}-01",
        f"ff-{TRACE}-{SPAN}-01",
        f"0-{TRACE}-{SPAN}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE[:-1]}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-0g",
        f"01-{TRACE}-{SPAN}-01-{'a' * 4_000}",
        f"01-{TRACE}-{SPAN}-01-\x1b[2J",
        f"{PARENT}, {PARENT}",
        "\u0660\u0660-" + PARENT[3:],
    ],
)  # fmt: skip
def test_a_malformed_or_hostile_traceparent_is_as_none(parent):
    assert parse(parent, "a=b") is None


@pytest.mark.parametrize(
    "state",
    [
        "a",
        "a=b,a=c",
        "a=b\r\nc: d",
        "a=b=c",
        "A=b",
        "a=é",
        "a=" + "b" * 600,
        ",".join(f"k{n}=v" for n in range(33)),
    ],
)
def test_a_malformed_tracestate_is_dropped_and_the_traceparent_counts(state):
    assert parse(PARENT, state) == TraceContext(TRACE, SPAN)


@pytest.mark.parametrize("state", ["a=b,", "a=b,,", "\ta=b ", ",a=b"])
def test_empty_members_of_a_tracestate_are_left_out(state):
    context = parse(PARENT, state)
    assert context is not None
    assert context.state == "a=b"


@pytest.mark.parametrize("state", ["t=1", "tenant@vendor=1", "1a@v=x", "a-b_c*d/e=! x~"])
def test_keys_and_values_of_a_tracestate(state):
    context = parse(PARENT, state)
    assert context is not None
    assert context.state == state


def test_headers_without_a_traceparent_have_no_context():
    assert parse_headers({"tracestate": "a=b", "host": "x"}) is None
    assert parse_headers({"traceparent": PARENT}) == TraceContext(TRACE, SPAN)


@given(st.text(max_size=200), st.text(max_size=600))
def test_whatever_comes_nothing_but_the_form_of_the_specification_leaves(parent, state):
    context = parse(parent, state) or parse(PARENT, state)
    assert context is not None
    for _, value in context.headers():
        assert value.isascii()
        assert value.isprintable()
        assert len(value) <= MAX_STATE
    assert parse(context.traceparent, context.state) == context
