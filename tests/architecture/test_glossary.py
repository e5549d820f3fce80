"""docs/glossary.md has each term of s3d once, and the documents that use a term link to it."""

import re
from pathlib import Path

import pytest

from tests.user_guide import GUIDE, PAGES

ROOT = Path(__file__).parents[2]
GLOSSARY = (ROOT / "docs" / "glossary.md").read_text()
TERMS = re.findall(r"^### (.+)$", GLOSSARY, re.MULTILINE)
FILES = ("README.md", "docs/semantics.md", "docs/control-api.md")
DOCUMENTS = {"user guide": GUIDE, **{name: (ROOT / name).read_text() for name in FILES}}
"""Name -> text of those that link to each term that they use."""
WITH_LINKS = [
    ROOT / name
    for name in ("docs/glossary.md", "docs/developer-guide.md", "docs/user-guide.md", *FILES)
] + [*PAGES]

ALSO_ORDINARY_WORDS = {
    "adopt", "base", "blob", "drain", "fill", "fresh", "hold", "layer", "level", "migrate", "park",
    "pass", "settle", "store", "transfer", "trash",
}  # fmt: skip
"""Terms that the documents also use as ordinary words."""

NOT_PROSE = re.compile(
    r"^```.*?^```$|`[^`\n]*`|!?\[[^\]]*\]\([^)]*\)|^#[^\n]*$|^\|[-| ]+\|$", re.DOTALL | re.MULTILINE
)
"""Code, links, headings and the lines of tables."""


def anchor(heading: str) -> str:
    """The anchor that GitHub makes of a heading."""
    return re.sub(r"[^\w -]", "", heading.lower().replace("`", "")).replace(" ", "-")


def used_terms(text: str) -> set[str]:
    prose = NOT_PROSE.sub(" ", text)
    return {
        term
        for term in TERMS
        if term.lower() not in ALSO_ORDINARY_WORDS
        and re.search(rf"(?<![-+/\w]){re.escape(term)}s?\b(?![-+/])", prose, re.IGNORECASE)
    }


def test_terms_are_in_alphabetical_order_and_each_is_there_once():
    names = [term.lower() for term in TERMS]
    assert names == sorted(set(names))
    assert len(names) > 30


def test_a_term_has_one_or_two_sentences():
    for text in re.split(r"^### .+$", GLOSSARY, flags=re.MULTILINE)[1:]:
        assert 1 <= len(re.findall(r"[.?!](?:\s|$)", text)) <= 2, text


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_document_links_to_each_term_that_it_uses(document):
    text = DOCUMENTS[document]
    linked = set(re.findall(r"glossary\.md#([\w-]+)\)", text))
    assert {term for term in used_terms(text) if anchor(term) not in linked} == set()


def test_used_terms_are_found_in_prose_only():
    text = "# Agent\n`remote` [pin](x) re-push\n```\nevict\n```\nA stale page and two sync folders."
    assert used_terms(text) == {"Stale", "Sync folder"}


@pytest.mark.parametrize("file", WITH_LINKS, ids=lambda file: file.name)
def test_links_to_headings_lead_to_one(file):
    for path, target in re.findall(r"\]\(([\w./-]*)#([\w+-]+)\)", file.read_text()):
        if path and not path.endswith(".md"):
            continue
        text = (file.parent / path).read_text() if path else file.read_text()
        headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
        assert target in {anchor(heading) for heading in headings}, f"{path}#{target}"


@pytest.mark.parametrize("document", ["README.md", "docs/user-guide.md"])
def test_the_glossary_is_linked(document):
    assert re.search(r"\((?:docs/)?glossary\.md\)", (ROOT / document).read_text())
