"""Compares what a reader leaves of a document with what is known to stand in it."""

from __future__ import annotations

import multiprocessing
import re
import resource
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from docgraph.formats.base import Read, Source
from docgraph.formats.registry import formats

_WORD = re.compile(r"\w+")
_GRAM = 4
#: Each document is read this many times, and the fastest counts: other programs share the machine.
_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Truth:
    """What stands in a document: headings with their level, blocks of code, the text, and the text that is only its frame.

    `anchors` has for each heading all that it can be linked to by; an empty set where there is nothing. A part that no truth
    is known of is None.
    """

    headings: tuple[tuple[int, str], ...]
    code: tuple[str, ...]
    text: str
    frame: str = ""
    anchors: tuple[frozenset[str], ...] | None = None
    #: Blocks of code are cut elsewhere here: their lines are compared, without empty ones.
    by_line: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """A document to be read: the set it belongs to, its name, its bytes."""

    format: str
    group: str
    name: str
    data: bytes
    truth: Truth


@dataclass(slots=True)
class Score:
    """Counts over documents: each as (found, wanted)."""

    documents: int = 0
    size: int = 0
    headings: tuple[int, int] = (0, 0)
    levels: tuple[int, int] = (0, 0)
    code: tuple[int, int] = (0, 0)
    words: tuple[int, int] = (0, 0)
    frame: tuple[int, int] = (0, 0)
    anchors: tuple[int, int] = (0, 0)
    seconds: float = 0.0
    peak_bytes: int = 0
    misses: list[str] = field(default_factory=list)

    @property
    def seconds_per_megabyte(self) -> float:
        """Time of reading alone, of the bytes as they are stored."""
        return self.seconds / max(self.size / 1e6, 1e-9)


def measure(cases: Sequence[Case]) -> Score:
    """Read documents of one format in a process of their own and count what was found."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return pool.apply(_measure, (list(cases),))


def _measure(cases: Sequence[Case]) -> Score:
    score = Score()
    for case in cases:
        reader = formats()[case.format].read
        times = []
        for _ in range(_ROUNDS):
            began = time.perf_counter()
            read = reader(case.data, Source(f"upload:///{case.name}"))
            times.append(time.perf_counter() - began)
        score.seconds += min(times)
        _compare(score, case, read)
    score.peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return score


def _compare(score: Score, case: Case, read: Read) -> None:
    truth = case.truth
    found = [section for section in read.outline.sections if section.heading is not None]
    levels = [(section.level, folded(section.heading_path[-1])) for section in found]
    score.documents += 1
    score.size += len(case.data)
    score.levels = _plus(score.levels, _shared(levels, truth.headings))
    score.headings = _plus(score.headings, _shared([text for _, text in levels], [text for _, text in truth.headings]))
    code = ["\n".join(line for _, line in block.lines) for section in read.outline.sections for block in section.code]
    found_code, wanted_code = _units(code, by_line=truth.by_line), _units(truth.code, by_line=truth.by_line)
    score.code = _plus(score.code, _shared(found_code, wanted_code))
    words = _WORD.findall(read.text)
    score.words = _plus(score.words, _shared(words, _WORD.findall(truth.text)))
    frame = _grams(truth.frame) - _grams(truth.text)
    score.frame = _plus(score.frame, (len(frame & _grams(read.text)), len(frame)))
    missing = Counter(truth.headings) - Counter(levels)
    score.misses += [f"{case.name}: heading {level} {text!r}" for level, text in missing.elements()]
    lost = Counter(wanted_code) - Counter(found_code)
    score.misses += [f"{case.name}: code {text[:60]!r}" for text in lost.elements()]
    if truth.anchors is not None:
        _compare_anchors(
            score, case, [(text, section.anchor) for (_, text), section in zip(levels, found, strict=True)]
        )


def _compare_anchors(score: Score, case: Case, found: list[tuple[str, str]]) -> None:
    left = list(found)
    for (_, text), anchors in zip(case.truth.headings, case.truth.anchors or (), strict=True):
        alike = [number for number, (name, _) in enumerate(left) if name == text]
        place = next((number for number in alike if left[number][1] in anchors), alike[0] if alike else None)
        anchor = left.pop(place)[1] if place is not None else None
        is_right = anchor in anchors if anchors else anchor == ""
        score.anchors = _plus(score.anchors, (is_right, 1))
        if not is_right:
            score.misses.append(f"{case.name}: anchor {anchor!r} of {text!r}, wanted one of {sorted(anchors)}")


def folded(text: str) -> str:
    """Fold white space, and drop what is invisible."""
    return " ".join(text.replace("\u200b", "").replace("\u00ad", "").split())


def bare_code(code: str) -> str:
    """Drop trailing blanks and empty lines around."""
    return "\n".join(line.rstrip() for line in code.split("\n")).strip("\n")


def _units(code: Iterable[str], *, by_line: bool) -> list[str]:
    blocks = [bare_code(block) for block in code]
    return [line for block in blocks for line in block.split("\n") if line] if by_line else blocks


def _grams(text: str) -> set[tuple[str, ...]]:
    words = _WORD.findall(text)
    return set(zip(*(words[start:] for start in range(_GRAM)), strict=False))


def _shared(found: Iterable[object], wanted: Iterable[object]) -> tuple[int, int]:
    expected = Counter(wanted)
    return (Counter(found) & expected).total(), expected.total()


def _plus(left: tuple[int, int], right: tuple[int, int]) -> tuple[int, int]:
    return left[0] + right[0], left[1] + right[1]
