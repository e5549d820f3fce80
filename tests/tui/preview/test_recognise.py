import bz2
import gzip
import io
import lzma
import tarfile

import pytest

from s3d.tui.preview.recognise import MAX_UNPACKED, decode_text, recognise, suffix_of


def tar():
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a"), io.BytesIO(b""))
    return out.getvalue()


@pytest.mark.parametrize(
    ("key", "data", "kind"),
    [
        ("a.txt", b"text", "text"),
        ("a", b"", "empty"),
        ("a.json", b"[1]", "json"),
        ("a", b' {"a": 1}', "json"),
        ("a.md", b"[link](x)", "text"),
        ("a.csv", b"a,b", "table"),
        ("a", b"\x89PNG\r\n", "picture"),
        ("a", b"RIFF1234WEBP", "picture"),
        ("a.docx", b"PK\3\4rest", "zip"),
        ("a", b"PAR1....", "parquet"),
        ("a.tar", tar(), "tar"),
        ("a", b"\0\1\2", "hex"),
        ("a", bytes(range(128, 256)) * 3, "hex"),
        ("a", b"\x01\x02\x03\x04text", "hex"),
    ],
)
def test_it_is_recognised_by_content_and_name(key, data, kind):
    assert recognise(key, data, is_whole=True).kind == kind


@pytest.mark.finding("tui-26")
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig"])
def test_utf_16_and_its_relatives_are_text(encoding):
    seen = recognise("a.txt", "Zeile eins\nzwei ä".encode(encoding), is_whole=True)
    assert (seen.kind, seen.text) == ("text", "Zeile eins\nzwei ä")


@pytest.mark.parametrize(
    ("pack", "ending", "name"),
    [(gzip.compress, ".gz", "gzip"), (bz2.compress, ".bz2", "bzip2"), (lzma.compress, ".xz", "xz")],
)
def test_a_compressed_one_is_what_it_holds(pack, ending, name):
    seen = recognise(f"a.json{ending}", pack(b'{"a": 1}'), is_whole=True)
    assert (seen.kind, seen.key, seen.packed, seen.is_whole) == ("json", "a.json", name, True)
    cut = recognise(f"a.json{ending}", pack(b'{"a": 1}' * 99)[:-9], is_whole=False)
    assert not cut.is_whole


def test_a_compressed_archive_is_an_archive():
    assert recognise("a.tgz", gzip.compress(tar()), is_whole=True).kind == "tar"


def test_a_bomb_is_not_unpacked():
    bomb = gzip.compress(bytes(200 << 20), 1)
    seen = recognise("a.gz", bomb, is_whole=True)
    assert len(seen.data) == MAX_UNPACKED
    assert not seen.is_whole


def test_what_only_begins_like_gzip_is_bytes():
    assert recognise("a.gz", b"\x1f\x8b" + bytes(9), is_whole=True).kind == "hex"


def test_a_character_that_is_cut_is_left_out():
    assert decode_text("aä".encode()[:2], is_whole=False) == ("a", "utf-8")


@pytest.mark.parametrize(
    ("key", "suffix"), [("a/b.TXT", "txt"), ("a.b/c", "c"), ("x.tar.gz", "gz"), ("", "")]
)
def test_the_ending_of_a_name(key, suffix):
    assert suffix_of(key) == suffix
