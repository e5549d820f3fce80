import pytest

from s3d.tui.omnibox import NO_MATCH, Known, best_hits, is_command, level_to_read, rank, suggest

KNOWN = Known(["logs", "pix"], ["pix/photos/"], ["logs/2026/"])
NAMES = ["photos/2024/", "photos/2025/", "photos/IMG_0001.jpg", "photos/readme.txt"]


def texts(found):
    return [suggestion.text for suggestion in found]


def test_without_a_text_there_is_what_is_known():
    found = suggest("", KNOWN, [])
    assert texts(found) == ["pix/photos/", "logs/2026/", "logs/", "pix/"]
    assert [each.kind for each in found] == ["bookmark", "recent", "bucket", "bucket"]


def test_a_bucket_is_found_by_its_letters():
    assert texts(suggest("lgs", KNOWN, []))[0] == "logs/2026/"
    assert texts(suggest("s3://pix", KNOWN, []))[0] == "pix/"


def test_a_level_is_read_when_its_bucket_is_complete():
    assert level_to_read("pix") is None
    assert level_to_read("s3://pix") is None
    assert level_to_read("s3://pix/") == ("pix", "")
    assert level_to_read("/pix/photos/IMG") == ("pix", "photos/")
    assert level_to_read("arn:aws:s3:::pix/photos/I") == ("pix", "photos/")
    assert level_to_read(":ls pix/") is None


def test_names_of_a_level_match_exactly_then_at_their_start_then_by_their_letters():
    found = suggest("pix/photos/", KNOWN, NAMES)
    assert texts(found) == ["pix/photos/", *(f"pix/{name}" for name in NAMES)]
    found = suggest("pix/photos/i", KNOWN, NAMES)
    assert texts(found)[0] == "pix/photos/IMG_0001.jpg"
    found = suggest("pix/photos/rdtxt", KNOWN, NAMES)
    assert texts(found) == ["pix/photos/readme.txt", "pix/photos/rdtxt"]
    assert [each.kind for each in found] == ["object", "below"]
    assert [each.kind for each in suggest("pix/zzz", KNOWN, [])] == ["place", "below"]
    label, hits = found[0].label, found[0].hits
    assert "".join(label[start:end] for start, end in hits) == "rdtxt"


@pytest.mark.finding("tui-3")
def test_what_y_copies_is_a_place_too():
    found = suggest("http://127.0.0.1:33333/pix/photos/readme.txt", KNOWN, NAMES)
    assert texts(found)[0] == "pix/photos/readme.txt"


def test_commands_are_completed():
    assert is_command(":pin")
    assert texts(suggest(":p", KNOWN, [])) == [":pin ", ":prefetch ", ":presign "]
    assert suggest(":pin ", KNOWN, [])[0].label == ":pin BUCKET/PREFIX"
    assert texts(suggest(":queue pa", KNOWN, [])) != []


@pytest.mark.parametrize(
    ("start", "name", "place"),
    [("pix", "pix/", 0), ("pi", "pix", 1), ("ix", "pix", 2), ("px", "pix", 3),
     ("xp", "pix", NO_MATCH), ("PI", "pix", NO_MATCH), ("", "pix", 1)],
)  # fmt: skip
def test_how_well_a_name_matches(start, name, place):
    assert rank(start, name) == place


def test_the_letters_that_match():
    assert best_hits("ix", "pix") == [(1, 3)]
    assert best_hits("px", "pix") == [(0, 1), (2, 3)]
