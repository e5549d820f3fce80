"""The documentation as a site: every document is a page, and every link leads somewhere."""

from __future__ import annotations

import re
from pathlib import Path

from tests.deploy.deploy_module import module

site = module("site")
ROOT = Path(__file__).parents[2]


def test_every_document_is_a_page():
    documents = {path.name for path in (ROOT / "docs").glob("*.md")}
    assert documents | {"index.md", "changelog.md"} == set(site.PAGES.values())


def test_links_lead_to_pages_of_the_site():
    text = "[a](docs/user-guide.md#filters) [b](README.md) [c](CHANGELOG.md) [d](screenshots/a.svg)"
    assert site.page_text(text, ROOT) == (
        "[a](user-guide.md#filters) [b](index.md) [c](changelog.md) [d](screenshots/a.svg)"
    )
    text = "[a](semantics.md) [b](../README.md#more) [c](#here) [d](https://example.org/x.md)"
    assert site.page_text(text, ROOT / "docs") == (
        "[a](semantics.md) [b](index.md#more) [c](#here) [d](https://example.org/x.md)"
    )


def test_a_link_to_a_file_that_is_no_page_becomes_its_name():
    assert site.page_text("[x](../s3d/shared/control.py)", ROOT / "docs") == (
        "[x](index.md#more) (`s3d/shared/control.py`)"
    )


def test_the_pages_have_no_link_that_leads_nowhere(tmp_path):
    site.write_pages(tmp_path)
    for page in tmp_path.glob("*.md"):
        for path in re.findall(r"\]\((?!\w+:|#)([^)#\s]+)", page.read_text()):
            assert (tmp_path / path).exists(), f"{page.name}: {path}"
