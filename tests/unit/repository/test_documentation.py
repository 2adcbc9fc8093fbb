"""The documentation names what there is, and its links lead somewhere."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from urllib.parse import unquote

import pytest

from docgraph.domain.identity import document_id
from docgraph.formats import parse

ROOT = Path(__file__).resolve().parents[3]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
# A page that a run writes, with addresses of that run.
PAGES.remove(ROOT / "docs" / "reference" / "sample_ingest_report.md")
TARGETS = re.findall(r"^([a-z0-9-]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def prose_of(page: Path) -> str:
    """A page without its fenced blocks."""
    return re.sub(r"^```.*?^```", "", text_of(page), flags=re.MULTILINE | re.DOTALL)


def anchors_of(page: Path) -> set[str]:
    uri = f"upload:///{page.name}"
    parsed = parse(
        page.read_bytes(), document_id=document_id("t", uri), source_uri=uri, tag="t", content_type="text/markdown"
    )
    headings = re.findall(r"^#+ +(.+?)\s*$", prose_of(page), re.MULTILINE)
    # A heading without text of its own makes no section, but a browser finds it.
    slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return slugs | {place.anchor for place in parsed.places}


def test_the_folder_into_which_the_readme_copies_a_file_is_in_a_checkout() -> None:
    folders = re.findall(r"^cp \S+ (ingest/watch/\S+)", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert folders
    for folder in folders:
        listed = subprocess.run(
            ["git", "ls-files", folder], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout
        assert listed.strip(), f"{folder} is in no fresh checkout, so cp makes a file of that name"


def test_there_is_something_to_check() -> None:
    assert {"up", "test", "check"} <= set(TARGETS)
    assert sum(len(_LINK.findall(prose_of(page))) for page in PAGES) > 20


@pytest.mark.parametrize("target", TARGETS)
def test_every_target_of_the_makefile_is_documented(target: str) -> None:
    named = re.compile(rf"\bmake (?:[a-z-]+ |-s )*{target}\b(?!-)")
    assert any(named.search(text_of(page)) for page in PAGES), f"`make {target}` is in no page of docs/ or README.md"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    for link in _LINK.findall(prose_of(page)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / unquote(path)).resolve() if path else page
        assert target.exists(), f"{page.relative_to(ROOT)} links to {link}"
        if anchor and target.suffix == ".md":
            assert anchor in anchors_of(target), f"{page.relative_to(ROOT)} links to {link}"
