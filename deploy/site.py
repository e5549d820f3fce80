"""Build the documentation as a static site: `make site` writes it to site/.

The pages are README.md, CHANGELOG.md and docs/*.md, with links that fit the site. A link that leads
nowhere, and any other warning of MkDocs, is an error. The site works without a network: it loads no
fonts and no scripts from elsewhere.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
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
    - {{media: "(prefers-color-scheme: light)", scheme: default}}
    - {{media: "(prefers-color-scheme: dark)", scheme: slate}}
markdown_extensions: [tables, admonition, {{toc: {{permalink: true}}}}]
validation: {{anchors: warn, links: {{absolute_links: warn, unrecognized_links: warn}}}}
nav:
{nav}
"""


def page_text(text: str, folder: Path) -> str:
    """A page with the links of the site.

    folder: that of the page in the repository, to which its links are relative. A link to a file
    that is no page, such as one of the source, becomes its name.
    """

    def replaced(link: re.Match[str]) -> str:
        path = (folder / link["path"]).resolve().relative_to(ROOT)
        anchor = link["anchor"] or ""
        if path.parts[0] == "screenshots":
            return f"]({path})"
        target = _AT_ROOT.get(str(path), path.name)
        if target in PAGES.values():
            return f"]({target}{anchor})"
        return f"](index.md#more) (`{path}`)"

    return _LINK.sub(replaced, text)


def write_pages(target: Path) -> None:
    """Write every page, and the pictures."""
    sources = [*(ROOT / name for name in _AT_ROOT), *sorted((ROOT / "docs").glob("*.md"))]
    for source in sources:
        name = _AT_ROOT.get(str(source.relative_to(ROOT)), source.name)
        (target / name).write_text(page_text(source.read_text(), source.parent))
    shutil.copytree(ROOT / "screenshots", target / "screenshots")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        pages = Path(folder) / "pages"
        pages.mkdir()
        write_pages(pages)
        settings = Path(folder) / "mkdocs.yml"
        nav = "\n".join(f"  - {title}: {page}" for title, page in PAGES.items())
        settings.write_text(_SETTINGS.format(docs=pages, site=ROOT / "site", nav=nav))
        build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--clean", "--quiet"]
        done = subprocess.run([*build, "--config-file", str(settings)])
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
