"""The documentation as a site: every document is a page, and every link leads somewhere."""

from __future__ import annotations

import re
from pathlib import Path

from tests.deploy.deploy_module import module
from tests.user_guide import PAGES

site = module("site")
ROOT = Path(__file__).parents[2]


def test_every_document_is_a_page():
    documents = {site.page_name(path) for path in (ROOT / "docs").rglob("*.md")}
    pages = {*site.PAGES.values(), *site.guide_pages()}
    assert documents | {"index.md", "changelog.md"} == pages


def test_links_lead_to_pages_of_the_site():
    text = "[a](docs/guide/filters.md#policies) [b](README.md) [c](CHANGELOG.md)"
    assert site.page_text(text, ROOT) == (
        "[a](guide-filters.md#policies) [b](index.md) [c](changelog.md)"
    )
    text = "[a](../semantics.md) [b](mounts.md) [c](../../README.md#more) [d](#here)"
    assert site.page_text(text, ROOT / "docs/guide") == (
        "[a](semantics.md) [b](guide-mounts.md) [c](index.md#more) [d](#here)"
    )
    assert site.page_text("[d](screenshots/a.svg)", ROOT) == "[d](screenshots/a.svg)"
    text = "[a](semantics.md) [b](../README.md#more) [c](#here) [d](https://example.org/x.md)"
    assert site.page_text(text, ROOT / "docs") == (
        "[a](semantics.md) [b](index.md#more) [c](#here) [d](https://example.org/x.md)"
    )


def test_a_link_to_a_file_that_is_no_page_becomes_its_name():
    assert site.page_text("[x](../s3d/shared/control.py)", ROOT / "docs") == (
        "[x](index.md#more) (`s3d/shared/control.py`)"
    )


def test_an_option_is_not_broken_at_the_end_of_a_line():
    text = "`--dry-run` and `-r`, but `s3d ls -r`, ``--x`` and `a`--b`"
    assert site.page_text(text, ROOT) == (
        "`--dry-run`{ .option } and `-r`{ .option }, but `s3d ls -r`, ``--x`` and `a`--b`"
    )


def test_the_pages_have_no_link_that_leads_nowhere(tmp_path):
    site.write_pages(tmp_path)
    for page in tmp_path.glob("*.md"):
        for path in re.findall(r"\]\((?!\w+:|#)([^)#\s]+)", page.read_text()):
            assert (tmp_path / path).exists(), f"{page.name}: {path}"


def test_the_navigation_has_each_page_of_the_guide_in_the_order_of_its_index(tmp_path):
    site.write_pages(tmp_path)
    pages = [f"guide-{page.name}" for page in PAGES]
    assert sorted(path.name for path in tmp_path.glob("guide-*.md")) == sorted(pages)
    assert (tmp_path / "guide-mounts.md").read_text().startswith("# Mounts\n")
    listed = "\n".join(site.navigation())
    assert re.findall(r"guide-[\w-]+\.md", listed) == pages


def test_each_link_to_a_heading_leads_to_one(tmp_path):
    site.write_pages(tmp_path)
    for page in tmp_path.glob("*.md"):
        for path, anchor in re.findall(r"\]\(([\w-]+\.md)#([^)]+)\)", page.read_text()):
            headings = re.findall(r"^#+ (.+)$", (tmp_path / path).read_text(), re.MULTILINE)
            assert anchor in map(site.slug, headings), f"{page.name}: {path}#{anchor}"
