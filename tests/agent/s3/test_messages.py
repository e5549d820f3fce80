from s3d.agent.s3.messages import BytesBody, S3Request, StreamBody, WireRequest
from s3d.agent.s3.model import operations


async def collected(body: BytesBody | StreamBody) -> list[bytes]:
    return [chunk async for chunk in body]


async def test_a_body_in_memory_knows_its_size_and_gives_its_bytes():
    body = BytesBody(b"abc")
    assert (body.size, await collected(body), body.trailers) == (3, [b"abc"], {})


async def test_an_empty_body_gives_no_chunk():
    assert await collected(BytesBody(b"")) == []


async def test_closing_a_stream_closes_what_it_comes_from():
    closed = []

    async def chunks():
        try:
            yield b"a"
            yield b"b"
        finally:
            closed.append(True)

    body = StreamBody(chunks())
    assert await anext(aiter(body)) == b"a"
    await body.aclose()
    assert (body.size, closed) == (None, [True])


async def test_a_stream_of_an_iterator_that_cannot_be_closed_can_be_closed():
    class Chunks:
        def __aiter__(self):
            return self

        async def __anext__(self):
            raise StopAsyncIteration

    body = StreamBody(Chunks(), 0)
    await body.aclose()
    assert await collected(body) == []


def test_an_edited_request_is_no_longer_verbatim():
    wire = WireRequest("GET", "/bucket/key", "", ())
    request = S3Request(operations()["GetObject"], {"Bucket": "bucket", "Key": "key"}, wire=wire)
    edited = request.replace(input={"Bucket": "bucket", "Key": "other"})
    assert (edited.bucket, edited.key, edited.wire) == ("bucket", "other", None)
    assert (request.key, request.wire) == ("key", wire)


def test_a_request_of_the_service_has_neither_bucket_nor_key():
    request = S3Request(operations()["ListBuckets"], {})
    assert (request.bucket, request.key) == ("", "")
