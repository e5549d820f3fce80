import pytest

from s3d.agent.core.store import (
    Completed,
    HandlerTable,
    Layer,
    LayerRow,
    TerminalStore,
    construct_layers,
    handlers_of,
    operation,
)
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import S3Request, S3Response, WireRequest
from s3d.agent.s3.model import operations


class Heads:
    @operation("HeadObject", "HeadBucket")
    def head(self, request):
        return Completed(S3Response({"From": "heads"}))


class Puts:
    @operation("PutObject")
    async def put(self, request):
        return S3Response({"From": "puts"})


class Below(TerminalStore):
    @operation("GetObject")
    def get(self, request):
        return Completed(S3Response({"From": "below"}))


class Above(Layer):
    @operation("PutObject")
    async def put(self, request):
        below = await self.inner.call(request)
        return S3Response({"From": "above " + below.output["From"]})


def ask(name):
    return S3Request(operations()[name], {})


async def test_an_endpoint_answers_by_itself_and_by_its_parts():
    store = Below(Heads(), Puts())
    names = ("GetObject", "HeadObject", "HeadBucket", "PutObject")
    answers = [(await store.call(ask(name))).output["From"] for name in names]
    assert answers == ["below", "heads", "heads", "puts"]


def test_an_endpoint_without_a_handler_says_so():
    with pytest.raises(S3Error) as refused:
        Below().call(ask("CopyObject"))
    assert (refused.value.code, refused.value.status) == ("NotImplemented", 501)


async def test_a_layer_passes_on_what_it_does_not_name():
    layer = Above(Below(Puts()))
    assert (await layer.call(ask("PutObject"))).output["From"] == "above puts"
    passed = layer.call(ask("GetObject"))
    assert isinstance(passed, Completed)
    assert passed.response.output["From"] == "below"


class Marked(Layer):
    only_with_header = "x-mark"

    def fallback(self, request):
        return Completed(S3Response({"From": "marked"}))

    @operation("HeadObject")
    def head(self, request):
        return Completed(S3Response({"From": "handler"}))


@pytest.mark.parametrize(
    ("name", "headers", "answers"),
    [
        ("GetObject", (("host", "h"), ("x-mark", "")), "marked"),
        ("GetObject", (("host", "x-mark"),), "below"),
        ("GetObject", None, "below"),  # the agent's own request
        ("HeadObject", (), "handler"),
    ],
)
def test_a_layer_can_be_skipped_by_the_requests_that_lack_a_header(name, headers, answers):
    wire = None if headers is None else WireRequest("GET", "/b/k", "", headers)
    request = S3Request(operations()[name], {}, None, wire)
    assert Marked(Below(Heads())).call(request).response.output["From"] == answers


async def test_ready_is_awaitable_and_readable():
    response = S3Response({})
    assert await Completed(response) is response
    assert Completed(response).response is response


def test_two_handlers_of_one_operation_are_refused():
    with pytest.raises(TypeError, match="two objects handle HeadObject"):
        HandlerTable(Heads(), Heads())

    class Twice(Heads):
        @operation("HeadObject")
        def again(self, request):
            raise NotImplementedError

    with pytest.raises(TypeError, match="two handlers for HeadObject"):
        handlers_of(Twice)


def test_a_name_that_s3_has_not_is_refused():
    class Wrong:
        @operation("PutObjekt")
        def put(self, request):
            raise NotImplementedError

    with pytest.raises(TypeError, match="no operation PutObjekt"):
        TerminalStore(Wrong())


def test_the_rows_of_a_table_are_layers_from_the_top_down():
    bottom = Below()
    layers = construct_layers([LayerRow("upper", Above), LayerRow("lower", Layer)], bottom)
    assert list(layers) == ["lower", "upper"]
    assert layers["upper"].inner is layers["lower"]
    assert layers["lower"].inner is bottom
    assert construct_layers([], bottom) == {}
