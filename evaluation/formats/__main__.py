"""The command behind `make eval-formats`: exit code 1 where a reader stays below what is promised of it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path

from docgraph_local.paths import repository
from evaluation.formats import asciidoc, epub, html, man, office, openapi, pdf, rst
from evaluation.formats.measuring import Case, Score, measure

Cases = Callable[[Path], Iterator[Case]]
#: One line a format.
SETS: dict[str, Cases] = {
    "html": html.cases,
    "pdf": pdf.cases,
    "docx": office.word_cases,
    "pptx": office.slide_cases,
    "epub": epub.cases,
    "man": man.cases,
    "openapi": openapi.cases,
    "rst": rst.cases,
    "asciidoc": asciidoc.cases,
}
_LEAST = {"headings": 0.98, "code": 0.98, "words": 0.97, "anchors": 0.97}
_MOST_FRAME = 0.05
_HEAD = (
    "| format | documents | MB | headings | with level | code | words | boilerplate | anchors | s/MB | peak MiB |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
)


def main(names: list[str]) -> int:
    """Measure the formats named, or all, and print one table in Markdown; what was missed goes to standard error."""
    folder = repository() / ".docgraph" / "eval-formats"
    print(_HEAD)
    failed = False
    for name in names or SETS:
        found = sorted(SETS[name](folder), key=lambda case: case.group)
        for group, members in groupby(found, key=lambda case: case.group):
            score = measure(list(members))
            print(_line(group, score), flush=True)
            for miss in score.misses:
                print(f"  {miss}", file=sys.stderr)
        total = measure(found)
        print(_line(f"**{name}**", total), flush=True)
        failed = failed or not _is_good(total)
    return int(failed)


def _share(counts: tuple[int, int]) -> str:
    return f"{counts[0] / counts[1]:.3f}" if counts[1] else "–"


def _line(name: str, score: Score) -> str:
    cells = [
        name,
        str(score.documents),
        f"{score.size / 1e6:.2f}",
        *map(_share, (score.headings, score.levels, score.code, score.words, score.frame, score.anchors)),
        f"{score.seconds_per_megabyte:.3f}",
        f"{score.peak_bytes / 2**20:.0f}",
    ]
    return f"| {' | '.join(cells)} |"


def _is_good(score: Score) -> bool:
    shares = {"headings": score.levels, "code": score.code, "words": score.words, "anchors": score.anchors}
    enough = all(found >= _LEAST[name] * wanted for name, (found, wanted) in shares.items())
    return enough and score.frame[0] <= _MOST_FRAME * max(score.frame[1], 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
