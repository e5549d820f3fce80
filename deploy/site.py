"""Build the documentation as a static site: `make site` writes it to site/.

The pages are README.md, CHANGELOG.md, docs/*.md and docs/guide/*.md, with links that fit the site.
A link that leads nowhere, and any other warning of MkDocs, is an error. The site works without a
network: it loads no fonts and no scripts from elsewhere.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = {
    "Start": "index.md",
    "Cookbook": "cookbook.md",
    "User guide": "user-guide.md",
    "Moving to s3d": "moving.md",
    "Semantics": "semantics.md",
    "S3 compatibility": "s3-compatibility.md",
    "Beyond one machine": "beyond-one-machine.md",
    "Operations": "operations.md",
    "Metrics": "metrics.md",
    "Control API": "control-api.md",
    "Glossary": "glossary.md",
    "Architecture": "architecture.md",
    "Developer guide": "developer-guide.md",
    "Changelog": "changelog.md",
}
"""Title -> page, in the order of the navigation."""
GUIDE = "user-guide.md"
_AT_ROOT = {"README.md": "index.md", "CHANGELOG.md": "changelog.md"}
_LINK = re.compile(r"\]\((?!\w+:|#)(?P<path>[^)#\s]+)(?P<anchor>#[^)\s]*)?\)")
_SETTINGS = """\
site_name: s3d
site_description: The S3 daemon, a per-user agent that serves the S3 API on localhost
docs_dir: {docs}
site_dir: {site}
use_directory_urls: false
theme:
  name: material
  font: false
  features: [navigation.instant, navigation.top, toc.follow, search.suggest]
  palette:
    - media: "(prefers-color-scheme)"
      toggle: {{icon: material/brightness-auto, name: "Colours of the system"}}
    - media: "(prefers-color-scheme: light)"
      scheme: default
      toggle: {{icon: material/brightness-7, name: "Light"}}
    - media: "(prefers-color-scheme: dark)"
      scheme: slate
      toggle: {{icon: material/brightness-4, name: "Dark"}}
extra_css: [{style}]
markdown_extensions: [tables, admonition, attr_list, {{toc: {{permalink: true}}}}]
validation: {{anchors: warn, links: {{absolute_links: warn, unrecognized_links: warn}}}}
nav:
{nav}
"""


STYLE_FILE = "extra.css"
STYLE = """\
/* Without a width, a picture in a table shrinks to that of its column's heading. */
.md-typeset td img { min-width: 15rem; }
.md-typeset code.option { white-space: nowrap; }
"""
_OPTION = re.compile(r"(?<![`\w])`(?P<option>--?[a-z][\w-]*)`(?!`)")


def slug(heading: str) -> str:
    """The anchor of a heading, as MkDocs and GitHub make it."""
    return re.sub(r"[^\w\s-]", "", heading.lower()).strip().replace(" ", "-")


@cache
def guide_pages() -> dict[str, str]:
    """The pages of the user guide in the site -> their titles, in the order of its index."""
    index = (ROOT / "docs" / GUIDE).read_text()
    listed = re.findall(r"^- \[(.+)\]\(guide/([\w-]+\.md)\)$", index, re.MULTILINE)
    return {f"guide-{name}": title for title, name in listed}


def page_name(source: Path) -> str:
    """The name of a document in the site, where all pages are in one folder."""
    path = source.relative_to(ROOT)
    if path.parent == Path("docs/guide"):
        return f"guide-{path.name}"
    return _AT_ROOT.get(str(path), path.name)


def page_text(text: str, folder: Path) -> str:
    """A page with the links of the site.

    folder: that of the page in the repository, to which its links are relative. A link to a file
    that is no page, such as one of the source, becomes its name. The name of an option is not
    broken at the end of a line.
    """

    def replaced(link: re.Match[str]) -> str:
        path = (folder / link["path"]).resolve().relative_to(ROOT)
        anchor = link["anchor"] or ""
        if path.parts[0] == "screenshots":
            return f"]({path})"
        target = page_name(ROOT / path)
        if target in PAGES.values() or target in guide_pages():
            return f"]({target}{anchor})"
        return f"](index.md#more) (`{path}`)"

    return _OPTION.sub(r"`\g<option>`{ .option }", _LINK.sub(replaced, text))


def write_pages(target: Path) -> None:
    """Write every page, and the pictures."""
    for source in (*(ROOT / name for name in _AT_ROOT), *sorted((ROOT / "docs").rglob("*.md"))):
        text = page_text(source.read_text(), source.parent)
        (target / page_name(source)).write_text(text)
    shutil.copytree(ROOT / "screenshots", target / "screenshots")
    (target / STYLE_FILE).write_text(STYLE)


def navigation() -> Iterator[str]:
    """The lines of the setting nav."""
    for title, page in PAGES.items():
        if page != GUIDE:
            yield f"  - {title}: {page}"
            continue
        yield f"  - {title}:"
        yield f"    - What is where: {page}"
        for name, section in guide_pages().items():
            yield f"    - {json.dumps(section)}: {name}"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        pages = Path(folder) / "pages"
        pages.mkdir()
        write_pages(pages)
        settings = Path(folder) / "mkdocs.yml"
        nav = "\n".join(navigation())
        settings.write_text(
            _SETTINGS.format(docs=pages, site=ROOT / "site", nav=nav, style=STYLE_FILE)
        )
        build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--clean", "--quiet"]
        done = subprocess.run([*build, "--config-file", str(settings)])
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
