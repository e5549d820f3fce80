from contextlib import suppress
from random import Random

import aiohttp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from urllib3.filepost import encode_multipart_formdata

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.post_form import MAX_FIELDS, FormReader, Success, put_members, success

BOUNDARY = "----WebKitFormBoundary7MA4YWxkTrZu0gW"
TYPE = f"multipart/form-data; boundary={BOUNDARY}"


def part(name: str, value: bytes, more: str = "", headers: str = "") -> bytes:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{more}\r\n{headers}\r\n'
    return head.encode() + value + b"\r\n"


def form(fields: dict[str, str], file: bytes | None = b"data", name: str = "f.txt") -> bytes:
    """A form as Chrome sends it."""
    body = b"".join(part(field, value.encode()) for field, value in fields.items())
    if file is not None:
        body += part("file", file, f'; filename="{name}"', "Content-Type: text/plain\r\n")
    return body + f"--{BOUNDARY}--\r\n".encode()


def read(body: bytes, content_type: str = TYPE, step: int = 1 << 20) -> tuple[FormReader, bytes]:
    reader = FormReader(content_type)
    pieces = [reader.feed(body[at : at + step]) for at in range(0, len(body), step)]
    reader.finish()
    return reader, b"".join(pieces)


def refused(body: bytes, content_type: str = TYPE, step: int = 1 << 20) -> S3Error:
    with pytest.raises(S3Error) as caught:
        read(body, content_type, step)
    return caught.value


# ------------------------------------------------------------------ reading


@pytest.mark.parametrize("step", [1, 3, 100, 1 << 20])
def test_a_form_is_read_whatever_the_pieces(step: int) -> None:
    file = b"line\r\n--not-the-boundary\r\n\r" + BOUNDARY.encode() + b"\r\n--" + b"\0\xff" * 500
    reader, data = read(form({"Key": "a/ä", "x-amz-meta-A": ""}, file), TYPE, step)
    assert reader.fields == {"key": "a/ä", "x-amz-meta-a": ""}
    assert reader.in_file
    assert data == file


@settings(max_examples=80, deadline=None)
@given(st.binary(max_size=400), st.integers(1, 200), st.integers(0, 99))
def test_the_file_is_handed_out_whole(file: bytes, step: int, seed: int) -> None:
    teasers = [b"\r", b"\r\n", b"\r\n--", f"\r\n--{BOUNDARY[:9]}".encode()]
    random = Random(seed)
    for _ in range(3):
        at = random.randrange(len(file) + 1)
        file = file[:at] + random.choice(teasers) + file[at:]
    assert read(form({"key": "k"}, file), TYPE, step)[1] == file


def test_an_empty_file_is_a_file() -> None:
    assert read(form({"key": "k"}, b""))[1] == b""


def test_a_form_without_a_key_is_still_read() -> None:
    assert read(form({}))[1] == b"data"


def test_a_preamble_is_skipped_and_what_follows_the_file_is_ignored() -> None:
    late = part("key", b"other") + part("file", b"second", '; filename="g"')
    end = f"--{BOUNDARY}--\r\n".encode()
    body = form({"key": "k"}).removesuffix(end) + late + end
    reader, data = read(b"preamble\r\n" + body)
    assert (reader.fields, data) == ({"key": "k"}, b"data")


def test_only_the_part_named_file_is_the_file() -> None:
    body = part("key", b"k", '; filename="not-me.txt"', "Content-Type: text/plain\r\n")
    reader, data = read(body + form({"acl": "private"}, b"data"))
    assert (reader.fields, data) == ({"key": "k", "acl": "private"}, b"data")
    bare = part("key", b"k") + part("FILE", b"data") + f"--{BOUNDARY}--".encode()
    assert read(bare)[1] == b"data"


def test_the_form_of_urllib3_and_requests_is_read() -> None:
    fields = {"key": "ä/${filename}", "file": ("ü.txt", b"data", "text/plain")}
    body, content_type = encode_multipart_formdata(fields)
    reader, data = read(body, content_type)
    assert (reader.fields, data) == ({"key": "ä/ü.txt"}, b"data")


@pytest.mark.finding("F10")
def test_the_name_of_the_file_is_put_into_every_field_but_what_is_signed() -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-post-example.html"""
    placeholder = "${filename}"
    names = ("key", "x-amz-meta-name", "success_action_redirect", "policy", "x-amz-signature")
    reader, _ = read(form(dict.fromkeys(names, placeholder), name="f.txt"))
    signed = ("policy", "x-amz-signature")
    assert reader.fields == {n: placeholder if n in signed else "f.txt" for n in names}


async def test_the_form_of_aiohttp_is_read() -> None:
    writer = aiohttp.FormData(quote_fields=False)
    writer.add_field("key", "ä/${filename}")
    writer.add_field("file", b"data", filename="f.txt")
    payload = writer()
    reader, data = read(await payload.as_bytes(), payload.content_type)
    assert (reader.fields, data) == ({"key": "ä/f.txt"}, b"data")


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ('; filename="f.txt"', "f.txt"),
        ("; filename=f.txt", "f.txt"),
        (r'; filename="C:\temp\f.txt"', "f.txt"),
        ('; filename="/etc/../f.txt"', "f.txt"),
        (r'; filename="a\"b\\c"', "c"),
        (r'; filename="a\"b"', 'a"b'),
        ('; filename="a;b=c"', "a;b=c"),
        ('; filename="f\0.txt"', "f.txt"),
        ("; filename=\"plain\"; filename*=utf-8''%C3%A4.txt", "ä.txt"),
        ("; filename=\"plain\"; filename*=latin-1''%E4.txt", "plain"),
        ("", ""),
    ],
)
def test_the_name_of_the_file_is_its_last_segment(disposition: str, name: str) -> None:
    body = part("key", b"up/${filename}") + part("file", b"", disposition)
    reader, _ = read(body + f"--{BOUNDARY}--".encode())
    assert reader.fields["key"] == f"up/{name}"


@pytest.mark.parametrize("content_type", [f'{TYPE.replace("=", chr(61) + chr(34))}"', TYPE.upper()])
def test_the_content_type_may_be_quoted_or_in_capitals(content_type: str) -> None:
    body = form({"key": "k"})
    if content_type.isupper():
        body = body.replace(BOUNDARY.encode(), BOUNDARY.upper().encode())
    assert read(body, content_type)[1] == b"data"


@pytest.mark.parametrize(
    ("content_type", "code"),
    [
        ("application/x-www-form-urlencoded", "PreconditionFailed"),
        ("text/plain", "PreconditionFailed"),
        ("", "PreconditionFailed"),
        ("multipart/form-data", "MalformedPOSTRequest"),
        ("multipart/form-data; boundary=", "MalformedPOSTRequest"),
        (f"multipart/form-data; boundary={'x' * 71}", "MalformedPOSTRequest"),
        ("multipart/form-data; boundary=ä", "MalformedPOSTRequest"),
        ('multipart/form-data; boundary="x\r\n"', "MalformedPOSTRequest"),
    ],
)
def test_another_content_type_is_refused(content_type: str, code: str) -> None:
    with pytest.raises(S3Error) as caught:
        FormReader(content_type)
    assert caught.value.code == code


NAMELESS = f"--{BOUNDARY}\r\nContent-Disposition: form-data\r\n\r\nx\r\n".encode()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "MalformedPOSTRequest"),
        (b"no form at all", "MalformedPOSTRequest"),
        (form({"key": "k"})[:-60], "MalformedPOSTRequest"),
        (form({"key": "k"})[:100], "MalformedPOSTRequest"),
        (NAMELESS, "MalformedPOSTRequest"),
        (NAMELESS.replace(b"form-data", b'attachment; name="x"'), "MalformedPOSTRequest"),
        (NAMELESS.replace(b"Disposition", b"Type"), "MalformedPOSTRequest"),
        (f"--{BOUNDARY}x\r\n".encode(), "MalformedPOSTRequest"),
        (part("key", b"\xff") + form({}), "MalformedPOSTRequest"),
        (form({"key": "k"}, None), "InvalidArgument"),
        (form({}, None), "InvalidArgument"),
        (form({"key": "k"}, None)[:-50], "MalformedPOSTRequest"),
        (part("KEY", b"x") + form({"key": "k"}), "InvalidArgument"),
        (part("key", b"x" * MAX_FIELDS), "MaxPostPreDataLengthExceededError"),
        (b"x" * (MAX_FIELDS + 1), "MaxPostPreDataLengthExceededError"),
        (form({"key": "x" * MAX_FIELDS}), "MaxPostPreDataLengthExceededError"),
    ],
)
def test_a_bad_form_has_the_code_of_aws(body: bytes, code: str) -> None:
    for step in (1, 1 << 20):
        assert refused(body, TYPE, step).code == code


def test_a_large_file_is_not_held_against_the_fields() -> None:
    file = bytes(MAX_FIELDS * 3)
    assert read(form({"key": "k"}, file), TYPE, 65536)[1] == file


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200), st.text(max_size=60), st.integers(1, 50))
def test_any_bytes_are_read_or_answered_with_an_s3_error(
    data: bytes, content_type: str, step: int
) -> None:
    start = part("key", b"k")
    for body in (data, start + data, start[:-9] + data, start[:40] + data, form({}) + data):
        with suppress(S3Error):
            read(body, TYPE, step)
    with suppress(S3Error):
        FormReader(f"multipart/form-data;{content_type}")


# ------------------------------------------------------------------ members


TAG = "<Tag><Key>a&amp;b</Key><Value>1 2</Value></Tag>"


def test_the_fields_become_the_members_of_put_object() -> None:
    fields = {
        "key": "a b/ä",
        "acl": "private",
        "content-type": " text/html; charset=utf-8",
        "cache-control": "no-store",
        "content-disposition": "inline",
        "content-encoding": "gzip",
        "content-language": "de",
        "expires": "Wed, 21 Oct 2026 07:28:00 GMT",
        "x-amz-storage-class": "STANDARD_IA",
        "x-amz-meta-note": "grün",
        "tagging": f"<Tagging><TagSet>{TAG}</TagSet></Tagging>",
        "x-ignore-me": "x",
        "policy": "x",
        "x-amz-signature": "x",
        "x-amz-credential": "x",
        "bucket": "another",
        "content-length": "5",
        "submit": "Upload",
    }
    members = put_members(fields, "bucket")
    assert members.pop("Expires")
    assert members == {
        "Bucket": "bucket",
        "Key": "a b/ä",
        "ACL": "private",
        "ContentType": "text/html; charset=utf-8",
        "CacheControl": "no-store",
        "ContentDisposition": "inline",
        "ContentEncoding": "gzip",
        "ContentLanguage": "de",
        "StorageClass": "STANDARD_IA",
        "Metadata": {"note": "grün"},
        "Tagging": "a%26b=1+2",
    }


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, "InvalidArgument"),
        ({"key": ""}, "InvalidArgument"),
        ({"key": "k" * 1025}, "KeyTooLongError"),
        ({"key": "k", "x-amz-meta-a": "b\r\nx-evil: 1"}, "InvalidArgument"),
        ({"key": "k", "content-type": "a\nb"}, "InvalidArgument"),
        ({"key": "k", "x-amz-meta-a b": "c"}, "InvalidArgument"),
        ({"key": "k", "x-amz-meta-a\r\nb": "c"}, "InvalidArgument"),
        ({"key": "k", "x-amz-meta-ä": "c"}, "InvalidArgument"),
        ({"key": "k", "tagging": "a=b"}, "MalformedXML"),
        ({"key": "k", "tagging": "<!DOCTYPE x><Tagging/>"}, "MalformedXML"),
        ({"key": "k", "tagging": "<Tagging/>"}, "MalformedXML"),
    ],
)
def test_fields_that_no_object_can_have_are_refused(fields: dict[str, str], code: str) -> None:
    with pytest.raises(S3Error) as caught:
        put_members(fields, "bucket")
    assert caught.value.code == code


# ------------------------------------------------------------------ success


@pytest.mark.parametrize(
    ("fields", "answer"),
    [
        ({}, Success(204)),
        ({"success_action_status": "200"}, Success(200)),
        ({"success_action_status": "201"}, Success(201)),
        ({"success_action_status": "204"}, Success(204)),
        ({"success_action_status": "500"}, Success(204)),
        ({"success_action_redirect": "https://h/ok"}, Success(303, "https://h/ok")),
        ({"redirect": "http://h/ok"}, Success(303, "http://h/ok")),
        ({"success_action_redirect": "javascript:alert(1)"}, Success(204)),
        ({"success_action_redirect": "/here"}, Success(204)),
        ({"success_action_redirect": "http://[h/"}, Success(204)),
        ({"success_action_redirect": "http://h/\r\nX: y"}, Success(204)),
        ({"success_action_redirect": "http://h/a b"}, Success(204)),
    ],
)
def test_success_is_told_as_the_form_asks(fields: dict[str, str], answer: Success) -> None:
    assert success(fields) == answer


def test_a_redirect_tells_what_was_stored() -> None:
    stored = "bucket=b&key=a%26b&etag=%22e%22"
    assert Success(303, "http://h/ok").location("b", "a&b", '"e"') == f"http://h/ok?{stored}"
    assert Success(303, "http://h/?a=1").location("b", "a&b", '"e"') == f"http://h/?a=1&{stored}"
