import hashlib
import hmac
import string
from collections.abc import Callable
from random import Random
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s3d.agent.s3 import sigv4
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import WireRequest
from s3d.agent.s3.signature_elements import Payload, PayloadKind, Signer, basic_date, query_pairs
from s3d.agent.s3.signing import presign
from tests.agent.s3.wires import (
    ACCESS_KEY,
    EMPTY,
    HOST,
    NOW,
    SECRET,
    SIGNER,
    by_botocore,
    presigned_by_botocore,
    presigned_v2_by_botocore,
    secret_of,
    signed,
    time_of,
    wire,
    with_headers,
)

DATE = basic_date(NOW)
SCOPE = f"{DATE[:8]}/us-east-1/s3/aws4_request"


def verify(request: WireRequest, now: float = NOW) -> sigv4.Verified:
    return sigv4.verify(request, secret_of, now)


def refused(request: WireRequest, now: float = NOW, **options: str) -> S3Error:
    with pytest.raises(S3Error) as caught:
        sigv4.verify(request, secret_of, now, **options)
    return caught.value


def presigned(method: str = "GET", target: str = "/bucket/key", expires: int = 300) -> WireRequest:
    url = presign(method, f"http://{HOST}{target}", SIGNER, expires, NOW)
    return wire(method, url.removeprefix(f"http://{HOST}"))


def authorized(authorization: str, *more: tuple[str, str]) -> WireRequest:
    """A request with this Authorization header and all else that a signed one has."""
    added = {"x-amz-date": DATE, "x-amz-content-sha256": EMPTY, "authorization": authorization}
    return with_headers(wire("GET", "/b/k"), (added | dict(more)).items())


def authorization(**changes: str) -> str:
    parts = {
        "Credential": f"{ACCESS_KEY}/{SCOPE}",
        "SignedHeaders": "host;x-amz-content-sha256;x-amz-date",
        "Signature": "0" * 64,
    }
    return "AWS4-HMAC-SHA256 " + ", ".join(f"{n}={v}" for n, v in (parts | changes).items() if v)


# ------------------------------------------------------------------ what is accepted

segments = st.text(st.characters(exclude_categories=["Cs"]), max_size=12).map(
    lambda text: quote(text, safe="/~")
)
words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
queries = st.lists(st.tuples(words, words), max_size=4).map(
    lambda pairs: "&".join(f"{quote(n, safe='')}={quote(v, safe='')}" for n, v in pairs)
)
printable = st.text(string.ascii_letters + string.digits + " !#&'*+-./:;=?@_~", max_size=20)
metadata = st.dictionaries(
    st.text(string.ascii_lowercase + "-", min_size=1, max_size=8).map("x-amz-meta-{}".format),
    printable,
    max_size=3,
)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["GET", "PUT", "DELETE", "POST", "HEAD"]), segments, queries, metadata)
def test_what_botocore_signs_in_the_header_is_verified(
    method: str, path: str, query: str, headers: dict[str, str]
) -> None:
    request = by_botocore(method, f"/bucket/{path}?{query}", headers.items(), b"body")
    verified = verify(request, time_of(request))
    assert verified.access_key == ACCESS_KEY
    assert verified.payload == Payload(PayloadKind.SIGNED, hashlib.sha256(b"body").hexdigest())
    assert verified.seed is None


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["GET", "PUT", "DELETE"]), segments, queries)
def test_what_botocore_presigns_is_verified(method: str, path: str, query: str) -> None:
    target = f"/bucket/{path}" + (f"?{query}" if query else "")
    request = presigned_by_botocore(method, target)
    verified = verify(request, time_of(request) + 300)
    assert verified.access_key == ACCESS_KEY
    assert verified.payload.kind is PayloadKind.UNSIGNED


def test_a_plain_verification_needs_no_exact_clock() -> None:
    for skew in (-900, 900):
        assert verify(signed(), NOW + skew).access_key == ACCESS_KEY


def test_any_region_may_be_signed_for() -> None:
    request = signed(signer=Signer(ACCESS_KEY, SECRET, "auto"))
    assert verify(request).access_key == ACCESS_KEY


def test_a_strict_region_refuses_another() -> None:
    request = signed(signer=Signer(ACCESS_KEY, SECRET, "auto"))
    assert sigv4.verify(request, secret_of, NOW, strict_region="auto").access_key == ACCESS_KEY
    assert refused(request, strict_region="us-east-1").code == "AuthorizationHeaderMalformed"


def test_a_date_header_serves_without_x_amz_date() -> None:
    http_date = "Fri, 15 Jan 2027 08:00:00 GMT"
    lines = f"date:{http_date}\nhost:{HOST}\nx-amz-content-sha256:{EMPTY}\n"
    names = "date;host;x-amz-content-sha256"
    canonical = f"GET\n/b/k\n\n{lines}\n{names}\n{EMPTY}"
    signature = _signature(canonical)
    request = with_headers(
        wire("GET", "/b/k"),
        {
            "date": http_date,
            "x-amz-content-sha256": EMPTY,
            "authorization": authorization(SignedHeaders=names, Signature=signature),
        }.items(),
    )
    assert verify(request).access_key == ACCESS_KEY


def _signature(canonical: str) -> str:
    key = b"AWS4" + SECRET.encode()
    for step in SCOPE.split("/"):
        key = hmac.digest(key, step.encode(), "sha256")
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = f"AWS4-HMAC-SHA256\n{DATE}\n{SCOPE}\n{digest}"
    return hmac.digest(key, text.encode(), "sha256").hex()


def test_forwarding_headers_do_not_enter_the_signature() -> None:
    request = with_headers(signed(), [("x-forwarded-host", "evil"), ("x-forwarded-proto", "https")])
    assert verify(request).access_key == ACCESS_KEY


def test_an_unsigned_content_type_is_fine() -> None:
    for request in (signed("PUT"), presigned("PUT")):
        assert verify(with_headers(request, [("content-type", "text/plain")])).access_key


def test_a_foreign_authorization_beside_a_presigned_url_is_ignored() -> None:
    request = with_headers(presigned(), [("authorization", "Bearer token")])
    assert verify(request).access_key == ACCESS_KEY


def test_signed_chunks_get_the_seed_of_their_chain() -> None:
    request = signed("PUT", payload="STREAMING-AWS4-HMAC-SHA256-PAYLOAD")
    seed = verify(request).seed
    assert seed is not None
    assert dict(request.headers)["authorization"].endswith(f"Signature={seed.signature}")
    assert (seed.date, seed.scope, len(seed.key)) == (DATE, SCOPE, 32)


def test_a_presigned_url_may_sign_the_hash_of_the_body() -> None:
    request = presigned("PUT", f"/b/k?X-Amz-Content-Sha256={EMPTY}")
    assert refused(request).code == "SignatureDoesNotMatch"  # signed as UNSIGNED-PAYLOAD
    unsigned = presigned("PUT", "/b/k?X-Amz-Content-Sha256=UNSIGNED-PAYLOAD")
    assert verify(unsigned).payload.kind is PayloadKind.UNSIGNED


# ------------------------------------------------------------------ what is refused


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (wire("GET", "/b/k"), "AccessDenied"),
        (authorized("garbage"), "InvalidArgument"),
        (authorized("Bearer token"), "InvalidArgument"),
        (authorized("aws4-hmac-sha256 Credential=x"), "InvalidArgument"),
        (authorized(f"AWS {ACCESS_KEY}:frJIUN8DYpKDtOLCwo//yllqDzg="), "InvalidRequest"),
        (authorized(authorization().replace("HMAC", "ECDSA-P256")), "InvalidRequest"),
        (authorized("AWS4-HMAC-SHA256"), "AuthorizationHeaderMalformed"),
        (authorized(authorization(Credential="")), "AuthorizationHeaderMalformed"),
        (authorized(authorization(SignedHeaders="")), "AuthorizationHeaderMalformed"),
        (authorized(authorization(Signature="")), "AuthorizationHeaderMalformed"),
        (authorized(authorization(Extra="x")), "AuthorizationHeaderMalformed"),
        (authorized(authorization() + ", Signature=00"), "AuthorizationHeaderMalformed"),
        (authorized(authorization(Credential="x")), "AuthorizationHeaderMalformed"),
        (
            authorized(authorization(Credential=f"{ACCESS_KEY}/20000101/r/s3/aws4_request")),
            "AuthorizationHeaderMalformed",
        ),
        (
            authorized(authorization(Credential=f"{ACCESS_KEY}/{SCOPE}".replace("s3", "ec2"))),
            "AuthorizationHeaderMalformed",
        ),
        (authorized(authorization(), ("x-amz-date", "yesterday")), "AccessDenied"),
        (authorized(authorization(), ("x-amz-date", "")), "AccessDenied"),
        (authorized(authorization(), ("x-amz-content-sha256", "x")), "InvalidArgument"),
        (authorized(authorization(Credential=f"NOBODY/{SCOPE}")), "InvalidAccessKeyId"),
        (authorized(authorization(SignedHeaders="x-amz-date")), "AccessDenied"),
        (authorized(authorization(), ("x-amz-acl", "public-read")), "AccessDenied"),
        (authorized(authorization()), "SignatureDoesNotMatch"),
        (authorized(authorization(Signature="0")), "SignatureDoesNotMatch"),
        (authorized(authorization(Signature="\xe4" * 64)), "SignatureDoesNotMatch"),
        (authorized(authorization(SignedHeaders="host;x-amz-date;gone")), "SignatureDoesNotMatch"),
    ],
)
def test_a_bad_header_form_has_the_code_of_aws(request_: WireRequest, code: str) -> None:
    assert refused(request_).code == code


@pytest.mark.finding("S12")
@pytest.mark.parametrize("place", ["KEY\udcff/{}", "KEY/{}"])
def test_a_scope_that_is_not_utf_8_is_refused_in_both_forms(place: str) -> None:
    """What no UTF-8 can hold cannot have been signed; a server error would log a traceback."""
    credential = place.format(SCOPE.replace("us-east-1", "us-\udce4-1"))
    form = authorized(authorization(Credential=credential))
    assert refused(form).code == "AuthorizationHeaderMalformed"
    query = presigned("GET", "/b/k")
    raw = query.raw_query.replace("us-east-1", "us-\udce4-1")
    assert raw != query.raw_query
    assert refused(WireRequest("GET", query.raw_path, raw, query.headers)).status in (400, 403)


def test_a_header_form_without_the_hash_of_the_body_is_refused() -> None:
    request = signed()
    headers = tuple(pair for pair in request.headers if pair[0] != "x-amz-content-sha256")
    error = refused(WireRequest("GET", request.raw_path, "", headers))
    assert error.code == "InvalidRequest"
    assert "x-amz-content-sha256" in error.message


def test_a_request_without_host_is_refused() -> None:
    request = signed()
    headers = tuple(pair for pair in request.headers if pair[0] != "host")
    assert refused(WireRequest("GET", request.raw_path, "", headers)).code == "AccessDenied"


@pytest.mark.parametrize("skew", [-901, 901])
def test_a_wrong_clock_is_told_with_both_times(skew: int) -> None:
    error = refused(signed(), NOW + skew)
    assert error.code == "RequestTimeTooSkewed"
    assert error.detail["RequestTime"] == DATE
    assert error.detail["MaxAllowedSkewMilliseconds"] == 900_000


@pytest.mark.parametrize(
    "name", ["x-amz-copy-source", "x-amz-meta-evil", "x-amz-tagging", "x-amz-acl"]
)
def test_an_amz_header_added_after_signing_is_named(name: str) -> None:
    for request in (signed("PUT"), presigned("PUT")):
        error = refused(with_headers(request, [(name, "x")]))
        assert (error.code, error.detail["HeadersNotSigned"]) == ("AccessDenied", name)


def test_two_proofs_are_one_too_many() -> None:
    header = [("authorization", authorization())]
    assert refused(with_headers(presigned(), header)).code == "InvalidArgument"
    v2 = wire("GET", "/b/k?AWSAccessKeyId=x&Signature=y&Expires=1")
    assert refused(with_headers(v2, header)).code == "InvalidArgument"
    both = wire("GET", "/b/k?AWSAccessKeyId=x&X-Amz-Signature=y")
    assert refused(both).code == "InvalidArgument"


def _presigned_with(**changes: str) -> WireRequest:
    """A presigned request with parameters of its query replaced, or dropped where empty."""
    request = presigned()
    names = {name.replace("X-Amz-", ""): name for name, _ in query_pairs(request.raw_query)}
    pairs = dict(query_pairs(request.raw_query))
    pairs |= {names[name]: value for name, value in changes.items()}
    query = "&".join(f"{name}={value}" for name, value in pairs.items() if value)
    return WireRequest("GET", request.raw_path, query, request.headers)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        *(
            ({name: ""}, "AuthorizationQueryParametersError")
            for name in ("Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature")
        ),
        ({"Algorithm": "none"}, "AuthorizationQueryParametersError"),
        ({"Credential": "x"}, "AuthorizationQueryParametersError"),
        ({"Credential": f"NOBODY/{SCOPE}"}, "InvalidAccessKeyId"),
        ({"Date": "yesterday"}, "AuthorizationQueryParametersError"),
        ({"Date": "20000101T000000Z"}, "AuthorizationQueryParametersError"),
        ({"Expires": "-1"}, "AuthorizationQueryParametersError"),
        ({"Expires": "soon"}, "AuthorizationQueryParametersError"),
        ({"Expires": "604801"}, "AuthorizationQueryParametersError"),
        ({"Expires": "9" * 5000}, "AuthorizationQueryParametersError"),
        ({"Expires": "299"}, "SignatureDoesNotMatch"),
        ({"SignedHeaders": "x"}, "AccessDenied"),
        ({"Signature": "0" * 64}, "SignatureDoesNotMatch"),
    ],
)
def test_a_bad_query_form_has_the_code_of_aws(changes: dict[str, str], code: str) -> None:
    assert refused(_presigned_with(**changes)).code == code


@pytest.mark.parametrize("more", ["X-Amz-Signature=00", "x-amz-expires=9", "X%2DAmz-Date=x"])
def test_a_parameter_of_the_proof_given_twice_is_refused(more: str) -> None:
    request = presigned()
    twice = WireRequest("GET", "/bucket/key", f"{request.raw_query}&{more}", request.headers)
    assert refused(twice).code == "AuthorizationQueryParametersError"


def test_a_presigned_url_of_0_seconds_has_expired() -> None:
    """S3's message about a bad lifetime is "X-Amz-Expires must be non-negative": 0 is none."""
    error = refused(presigned(expires=0), NOW + 0.1)
    assert (error.code, error.message) == ("AccessDenied", "Request has expired")


def test_a_presigned_url_lives_from_its_date_to_its_expiry() -> None:
    assert verify(presigned(), NOW - 900).access_key == ACCESS_KEY
    assert verify(presigned(), NOW + 300).access_key == ACCESS_KEY
    for now, message in ((NOW - 901, "valid yet"), (NOW + 301, "expired")):
        error = refused(presigned(), now)
        assert error.code == "AccessDenied"
        assert message in error.message


def test_a_parameter_added_to_a_presigned_url_is_refused() -> None:
    request = presigned()
    more = WireRequest("GET", "/bucket/key", f"{request.raw_query}&versionId=null", request.headers)
    assert refused(more).code == "SignatureDoesNotMatch"


# ------------------------------------------------------------------ version 2 in the query


def test_a_v2_query_cannot_sign_chunks() -> None:
    word = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
    request = presigned_v2_by_botocore("PUT", "/b/k", [("x-amz-content-sha256", word)])
    assert refused(request, 0).code == "InvalidRequest"
    plain = verify(presigned_v2_by_botocore("PUT", "/b/k"), 0)
    assert (plain.access_key, plain.payload.kind) == (ACCESS_KEY, PayloadKind.UNSIGNED)


# ------------------------------------------------------------------ without authentication


def test_without_authentication_the_kind_of_the_body_still_counts() -> None:
    verified = sigv4.unauthenticated(wire("GET", "/b/k"))
    assert (verified.access_key, verified.payload.kind) == (None, PayloadKind.UNSIGNED)
    hashed = wire("PUT", "/b/k", [("x-amz-content-sha256", EMPTY)])
    assert sigv4.unauthenticated(hashed).payload.sha256 == EMPTY
    with pytest.raises(S3Error):
        sigv4.unauthenticated(wire("PUT", "/b/k", [("x-amz-content-sha256", "x")]))


def test_nobody_else_can_make_a_verified() -> None:
    with pytest.raises(TypeError):
        sigv4.Verified(object(), ACCESS_KEY, Payload(PayloadKind.UNSIGNED))


# ------------------------------------------------------------------ forgery and leaks


def _flip(text: str, random: Random) -> str:
    at = random.randrange(len(text))
    return text[:at] + chr(ord(text[at]) ^ (1 << random.randrange(7))) + text[at + 1 :]


def _mutations(random: Random) -> list[Callable[[WireRequest], WireRequest]]:
    def header(request: WireRequest) -> WireRequest:
        headers = list(request.headers)
        at = random.randrange(len(headers))
        which = random.randrange(2)
        name, value = headers[at]
        headers[at] = (name, _flip(value, random)) if which else (_flip(name, random), value)
        return WireRequest(request.method, request.raw_path, request.raw_query, tuple(headers))

    return [
        lambda r: WireRequest(_flip(r.method, random), r.raw_path, r.raw_query, r.headers),
        lambda r: WireRequest(r.method, _flip(r.raw_path, random), r.raw_query, r.headers),
        lambda r: WireRequest(r.method, r.raw_path, _flip(r.raw_query, random), r.headers),
        header,
    ]


def _forge(seed: int, count: int) -> None:
    """Flip one bit of signed requests, count times; each must be refused."""
    random = Random(seed)
    requests = [
        signed("PUT", "/bucket/dir/key.txt?versionId=abc", [("x-amz-meta-note", "a b")]),
        presigned("PUT", "/bucket/dir/key.txt?versionId=abc"),
    ]
    for request in requests:
        mutations = _mutations(random)
        for number in range(count // 2):
            forged = mutations[number % len(mutations)](request)
            try:
                verify(forged)
            except S3Error:
                continue
            assert _says_the_same(request, forged), forged


@pytest.mark.parametrize("seed", range(4))
def test_no_single_flipped_bit_of_a_signed_request_is_accepted(seed: int) -> None:
    _forge(seed, 2000)


@pytest.mark.torture
def test_none_of_a_hundred_thousand_flipped_bits_is_accepted() -> None:
    _forge(99, 100_000)


def _says_the_same(request: WireRequest, forged: WireRequest) -> bool:
    """Only the letter case of a percent escape may differ."""

    def upper(text: str) -> str:
        return text.replace("%2f", "%2F").replace("%3b", "%3B")

    return (request.method, request.raw_path, request.headers) == (
        forged.method,
        forged.raw_path,
        forged.headers,
    ) and upper(request.raw_query) == upper(forged.raw_query)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=80), st.text(max_size=20), st.text(max_size=80))
def test_any_authorization_is_answered_with_an_s3_error(given_: str, date: str, query: str) -> None:
    clean = [text.encode("utf-8", "ignore").decode() for text in (given_, date, query)]
    for value in (clean[0], f"AWS4-HMAC-SHA256 {clean[0]}", authorization(Credential=clean[0])):
        headers = {"authorization": value, "x-amz-date": clean[1]}
        request = with_headers(wire("GET", f"/b/k?{clean[2]}"), headers.items())
        assert refused(request).status < 500


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_in_a_presigned_query_are_answered_with_an_s3_error(raw: bytes) -> None:
    query = raw.decode("utf-8", "surrogateescape")
    request = wire("GET", f"/b/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&{query}")
    assert refused(request).status < 500


def test_no_secret_and_no_right_signature_is_ever_shown() -> None:
    request = signed("PUT", payload="STREAMING-AWS4-HMAC-SHA256-PAYLOAD")
    verified = verify(request)
    assert verified.seed is not None
    right = verified.seed.signature
    wrong = [(n, v.replace(right, "0" * 64)) for n, v in request.headers]
    error = refused(WireRequest("PUT", request.raw_path, "", tuple(wrong)))
    assert error.code == "SignatureDoesNotMatch"
    assert "CanonicalRequest" in error.detail
    shown = f"{error!r} {error} {error.detail} {verified!r} {verified.seed!r}"
    assert right not in shown
    assert SECRET not in shown
    assert verified.seed.key.hex() not in shown
    assert repr(verified.seed.key) not in shown
