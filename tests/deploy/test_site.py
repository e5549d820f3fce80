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
        "[a](guide-in-front-of-a-remote.md#filters) [b](index.md) [c](changelog.md) "
        "[d](screenshots/a.svg)"
    )
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


def test_each_section_of_the_guide_is_a_page(tmp_path):
    site.write_pages(tmp_path)
    pages = sorted(path.name for path in tmp_path.glob("guide-*.md"))
    sections = re.findall(r"^## (.+)$", (ROOT / "docs/user-guide.md").read_text(), re.MULTILINE)
    assert pages == sorted(f"guide-{site.slug(title)}.md" for title in sections)
    assert (tmp_path / "guide-mounts.md").read_text().startswith("# Mounts\n")
    listed = "\n".join(site.navigation())
    assert [page for page in pages if page not in listed] == []
    for page in (site.GUIDE, *pages):
        for path, anchor in re.findall(
            r"\]\(([\w-]+\.md)#([^)]+)\)", (tmp_path / page).read_text()
        ):
            headings = re.findall(r"^#+ (.+)$", (tmp_path / path).read_text(), re.MULTILINE)
            assert anchor in map(site.slug, headings), f"{page}: {path}#{anchor}"
