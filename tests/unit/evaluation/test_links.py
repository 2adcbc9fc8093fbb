"""The measure of links counts what reaches a document, what does not, and what is beside the set."""

from __future__ import annotations

from pathlib import Path

import pytest

from docgraph.domain.site_routes import Site
from evaluation.links import Set, main, measure

PAGES = {
    "01-app/a.md": "[b](/docs/app/b) [c](./c/) [b again](b.md) [gone](/docs/app/gone) [blog](/blog/x) [out](https://x.example/)\n",
    "01-app/02-b.md": "# B\n\n[a](https://site.example/docs/app/a) ![p](p.png) [p](p.png) [here](#b)\n",
    "01-app/c/index.mdx": "# C\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in PAGES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def test_links_are_counted_by_where_they_lead(folder: Path) -> None:
    counts = measure(Set("x", folder, (Site("/docs"), Site("https://site.example/docs"))))
    assert (counts.documents, counts.links, counts.by_letter, counts.resolved, counts.elsewhere) == (3, 5, 0, 4, 1)
    assert list(counts.misses) == ["/docs/app/gone  in upload:///01-app/a.md"]


def test_the_command_fails_where_too_few_links_reach_a_document(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([f"x={folder}@/docs"]) == 1
    assert "| x | 3 | 4 | 0 | 3 | 0.750 | 1 |" in capsys.readouterr().out
    (folder / "01-app" / "gone.md").write_text("# Gone\n", encoding="utf-8")
    assert main([f"x={folder}@/docs"]) == 0
