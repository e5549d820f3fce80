"""docs/glossary.md has each term of s3d once, and the documents that use a term link to it."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GLOSSARY = (ROOT / "docs" / "glossary.md").read_text()
TERMS = re.findall(r"^### (.+)$", GLOSSARY, re.MULTILINE)
DOCUMENTS = ("README.md", "docs/user-guide.md", "docs/semantics.md", "docs/control-api.md")

LINKED = {
    "README.md": ("acknowledged", "pending", "push", "remote"),
    "docs/user-guide.md": (
        "acknowledged",
        "conflict-copy",
        "evict",
        "fresh",
        "hold",
        "in-sync",
        "park",
        "pass",
        "pending",
        "pin",
        "prefetch",
        "probe",
        "push",
        "remote",
        "revalidate",
        "stale",
        "sync-folder",
        "transfer",
        "trash",
        "verifying",
    ),
    "docs/semantics.md": (
        "acknowledged",
        "baseline",
        "conflict",
        "conflict-copy",
        "park",
        "pending",
        "probe",
        "push",
        "remote",
        "settle",
        "stale",
        "sync-folder",
    ),
    "docs/control-api.md": ("agent", "hold", "pass", "pending", "pin", "prefetch", "transfer"),
}
"""Document -> anchors of the terms that it explains to its reader by a link."""


def anchor(term: str) -> str:
    """The anchor that GitHub makes of a heading."""
    return re.sub(r"[^\w -]", "", term.lower()).replace(" ", "-")


def test_terms_are_in_alphabetical_order_and_each_is_there_once():
    names = [term.lower() for term in TERMS]
    assert names == sorted(set(names))
    assert len(names) > 30


def test_a_term_has_one_or_two_sentences():
    for text in re.split(r"^### .+$", GLOSSARY, flags=re.MULTILINE)[1:]:
        sentences = re.findall(r"[.?!](?:\s|$)", text)
        assert 1 <= len(sentences) <= 2, text


@pytest.mark.parametrize("document", LINKED)
def test_a_document_links_to_the_terms_that_it_uses(document):
    text = (ROOT / document).read_text()
    linked = set(re.findall(r"glossary\.md#([\w+-]+)\)", text))
    assert set(LINKED[document]) - linked == set()


@pytest.mark.parametrize("document", ["docs/glossary.md", *DOCUMENTS])
def test_links_to_terms_lead_to_one(document):
    text = (ROOT / document).read_text()
    pattern = r"\]\(#([\w-]+)\)" if document.endswith("glossary.md") else r"glossary\.md#([\w-]+)\)"
    assert set(re.findall(pattern, text)) <= {anchor(term) for term in TERMS}


@pytest.mark.parametrize("document", ["README.md", "docs/user-guide.md"])
def test_the_glossary_is_linked(document):
    assert re.search(r"\((?:docs/)?glossary\.md\)", (ROOT / document).read_text())
