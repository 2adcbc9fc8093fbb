"""Sections above the budget: nothing lost, nothing too large, the same everywhere, and an edit changes what is around it."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from itertools import count, pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import docgraph
from docgraph.domain.documents import ParsedDocument
from docgraph.domain.errors import DocumentEmptyError
from docgraph.formats import ParseOptions, ruler
from support.unit.formats_samples import Prose, ids, read, texts

MODEL_TOKENS = 256


def changed(before: ParsedDocument, after: ParsedDocument) -> int:
    return len(set(ids(after)) - set(ids(before)))


def largest(parsed: ParsedDocument) -> int:
    # A page without text has no section, and nothing that the model could cut.
    return max((ruler.count(section.embedded_text) for section in parsed.sections), default=0)


def section_of(paragraphs: list[str]) -> ParsedDocument:
    return read("# Guide\n\n## Chapter\n\n" + "\n\n".join(paragraphs) + "\n")


class Writer:
    """Writes documents of all that a splitter meets; each word occurs once, so that none can be lost unseen.

    Hypothesis draws how large a document is, and a seed: what it holds is drawn in plain Python, which costs a tenth.
    """

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._words = count()

    def document(self, headings: int, blocks: int) -> str:
        lines: list[str] = []
        for number in range(headings):
            lines.append(f"{'#' * (number % 3 + 1)} Heading {number}")
            lines += [self._random.choice(self._kinds())() for _ in range(self._some(1, blocks))]
        return "\n\n".join(lines) + "\n"

    def _kinds(self) -> list[Callable[[], str]]:
        return [
            self._paragraph,
            self._paragraph,
            lambda: self._lines(lambda: self._prose(3, 12), 1, 12),
            lambda: self._lines(lambda: f"- {self._sentence()}", 1, 15),
            lambda: f"1. {self._sentence()}\n\n" + self._lines(lambda: f"   - {self._sentence()}", 1, 7),
            self._fence,
            lambda: f"> {self._paragraph()}",
            self._table,
            lambda: self._prose(100, 600),
        ]

    def _some(self, low: int, high: int) -> int:
        """A number that is small more often than not."""
        return low + int((high - low + 1) * self._random.random() ** 2)

    def _prose(self, low: int, high: int) -> str:
        return " ".join(f"w{next(self._words)}" for _ in range(self._some(low, high)))

    def _sentence(self) -> str:
        return self._prose(2, 30).capitalize() + "."

    def _paragraph(self) -> str:
        return " ".join(self._sentence() for _ in range(self._some(1, 8)))

    def _lines(self, line: Callable[[], str], low: int, high: int) -> str:
        return "\n".join(line() for _ in range(self._some(low, high)))

    def _fence(self) -> str:
        fence = self._random.choice(["```", "~~~~", "```python"])
        lines = [self._prose(0, 8) for _ in range(self._some(0, 60))]
        return "\n".join([fence, *lines, fence.strip("python")])

    def _table(self) -> str:
        rows = [f"| {self._prose(1, 1)} | {self._prose(1, 1)} |" for _ in range(self._some(2, 60))]
        return "\n".join([rows[0], "|---|---|", *rows[1:]])


def documents() -> st.SearchStrategy[str]:
    sizes = st.tuples(st.integers(0, 2**32), st.integers(1, 3), st.integers(1, 8))
    return sizes.map(lambda size: Writer(size[0]).document(size[1], size[2]))


WORD = re.compile(r"[wW]\d+")


def words_of(text: str) -> list[str]:
    return [word.lower() for word in WORD.findall(text)]


@settings(max_examples=400, deadline=None)
@given(source=documents())
def test_no_word_is_lost_and_their_order_stays(source: str) -> None:
    parsed = read(source)
    seen = list(dict.fromkeys(word for text in texts(parsed) for word in words_of(text)))
    assert seen == list(dict.fromkeys(words_of(source)))


@settings(max_examples=400, deadline=None)
@given(source=documents())
def test_no_part_is_above_the_budget_and_places_are_in_order(source: str) -> None:
    parsed = read(source)
    assert largest(parsed) <= ParseOptions().section_budget
    places = [(place.start, place.end) for place in parsed.places]
    assert places == sorted(places)
    assert all(start < end for start, end in places)
    assert all(end <= start for (_, end), (start, _) in pairwise(places))


@settings(max_examples=400, deadline=None)
@given(source=documents())
def test_a_place_has_the_words_of_its_section(source: str) -> None:
    parsed, data = read(source), source.encode()
    for section, place in zip(parsed.sections, parsed.places, strict=True):
        there = words_of(data[place.start : place.end].decode())
        assert set(there) <= set(words_of(section.text))


@settings(max_examples=200, deadline=None)
@given(source=st.text(max_size=2000))
def test_any_text_is_read_or_refused_and_never_above_what_the_model_takes(source: str) -> None:
    try:
        parsed = read(source.replace("\x00", "").encode("utf-8", "replace"))
    except DocumentEmptyError:
        return
    assert largest(parsed) + 2 <= MODEL_TOKENS
    assert len(set(ids(parsed))) == len(parsed.sections)


PATHOLOGICAL = {
    "one line of words": "lorem ipsum dolor sit amet " * 20_000,
    "one line without spaces": "x9" * 100_000,
    "base64": "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJz" * 2_000,
    "chinese": "数据库连接池的大小由配置决定" * 3_000,
    "hangul without spaces": "데이터베이스연결" * 5_000,
    "thai": "ภาษาไทยไม่มีช่องว่าง" * 3_000,
    "emoji": "👩🏽‍🚀" * 10_000,
    "combining marks": "a" + "\u0301" * 20_000,
    "minified code": "```js\n" + "var a=function(b){return b};" * 5_000 + "\n```",
    "punctuation": "!@#$%^&*()" * 10_000,
    "zero width": "\u200b \u200b" * 10_000 + "a",
    "long heading": "# " + "word " * 20_000 + "\n\ntext",
    "long heading without spaces": "# " + "x" * 100_000 + "\n\ntext",
    "deep headings": "".join(f"{'#' * n} " + "heading words " * 20 + "\n\n" for n in range(1, 7)) + "word " * 5_000,
    "long info string": "```" + "python " * 2_000 + "\n" + "x = 1\n" * 2_000 + "```",
    "wide table": "|" + "name of it|" * 300 + "\n|" + "-|" * 300 + "\n" + ("|" + "x y z|" * 300 + "\n") * 10,
    "equal paragraphs": "The same paragraph again.\n\n" * 3_000,
    "equal lines": "```\n" + "x = 1\n" * 5_000 + "```",
    "deep quotes": ">" * 10_000 + " a",
    "many quotes": ("> " * 50 + "a\n") * 500,
    "open brackets": "[" * 100_000,
    "paragraphs of brackets": ("[" * 900 + "\n\n") * 50,
    "images": "![" * 30_000,
    "backticks": " ".join("`" * n for n in range(1, 400)),
    "comments": "x `<!-- " * 20_000,
    "anchors": "<div>\n" + "<a href " * 30_000,
    "tags": "<a><b>" * 20_000,
    "emphasis": "*a **b _c " * 20_000,
    "nested list": "".join(" " * n + "- a\n" for n in range(600)),
    "list items": "- a\n" * 10_000,
    "definitions": "".join(f"[a{n}]: b\n" for n in range(5_000)) + "\ntext",
    "headings": "# a\n\nb\n\n" * 3_000,
    "data uri": "![x](data:image/png;base64," + "A" * 3_000_000 + ") text",
    "front matter of brackets": "---\na: " + "[" * 20_000 + "\n---\ntext",
    "heading attributes": "# " + "{ " * 20_000 + "\n\ntext",
}


@pytest.mark.parametrize("name", PATHOLOGICAL)
def test_pathological_text_is_cut_to_what_the_model_takes_in_bounded_time(name: str) -> None:
    started = time.process_time()
    parsed = read(PATHOLOGICAL[name])
    assert time.process_time() - started < 10
    assert largest(parsed) + 2 <= MODEL_TOKENS


def test_a_manual_of_3_mb_is_read_in_seconds() -> None:
    prose = Prose(1)
    source = "# Manual\n\n" + "".join(
        f"## Topic {n}\n\n{prose.paragraph(16)}\n\n{prose.paragraph(12)}\n\n" for n in range(3000)
    )
    assert len(source) > 2_900_000
    started = time.process_time()
    parsed = read(source)
    assert time.process_time() - started < 10
    assert len(parsed.sections) >= 3000


def test_what_fits_is_not_cut() -> None:
    assert len(read("# A\n\n" + "word " * 150).sections) == 1


def test_parts_of_code_repeat_the_fence_and_are_cut_at_blank_lines() -> None:
    functions = [f"def function_{n}(argument):\n    value = argument + {n}\n    return value" for n in range(40)]
    parsed = read("# API\n\n~~~python title='x'\n" + "\n\n".join(functions) + "\n~~~\n")
    assert len(parsed.sections) > 4
    for text in texts(parsed):
        lines = text.split("\n")
        assert lines[0] == "~~~python title='x'"
        assert lines[1].startswith("def ")
        assert lines[-1] == "~~~"
        assert lines[-2] == "    return value"


def test_parts_of_a_table_repeat_its_header() -> None:
    rows = "\n".join(f"| option_{n} | what the option number {n} does |" for n in range(60))
    parsed = read(f"# T\n\n| Name | Meaning |\n|------|---------|\n{rows}\n")
    assert len(parsed.sections) > 3
    for text in texts(parsed):
        assert text.startswith("| Name | Meaning |\n|------|---------|\n| option_")


def test_lists_are_cut_between_items_and_paragraphs_between_sentences() -> None:
    items = [f"- Item {n} says something in a handful of words and stops." for n in range(60)]
    assert all(text.startswith("- Item") for text in texts(read("# L\n\n" + "\n".join(items))))
    sentences = [f"Sentence {n} says something in a handful of words and stops." for n in range(60)]
    for text in texts(read("# P\n\n" + " ".join(sentences))):
        assert text.startswith("Sentence")
        assert text.endswith("stops.")


def test_an_introduction_stays_with_what_it_introduces() -> None:
    examples = [
        f"For example number {n}, write this and only this:\n\n```sh\ntool --number {n} --and-some-more --options {n}\n```"
        for n in range(40)
    ]
    for text in texts(section_of(examples)):
        assert text.count("For example") == text.count("```sh")


def test_composed_characters_are_not_torn() -> None:
    parsed = read("👩🏽‍🚀" * 3000)
    assert all(text[0] == "👩" and text[-1] in "🚀" for text in texts(parsed))


def test_a_heading_path_above_its_budget_keeps_its_end() -> None:
    parsed = read("# " + "very long title words " * 12 + "\n\n## Middle\n\n### End\n\ntext\n")
    assert parsed.sections[-1].heading_path == ("…", "Middle", "End")
    assert all(ruler.count(" > ".join(s.heading_path)) <= ParseOptions().heading_budget for s in parsed.sections)


def test_a_heading_that_is_too_long_for_the_path_is_kept_as_text() -> None:
    heading = " ".join(f"word{n}" for n in range(100))
    parsed = read(f"# {heading}\n\nbody\n")
    assert set(heading.split()) <= set(" ".join(texts(parsed)).split())


def twenty_parts(seed: int) -> list[str]:
    """Return paragraphs that make a section of about 20 parts."""
    prose = Prose(seed)
    paragraphs = prose.paragraphs(10)
    while len(section_of(paragraphs).sections) < 20:
        paragraphs += prose.paragraphs(2)
    return paragraphs


@pytest.mark.parametrize("seed", range(4))
def test_a_paragraph_put_anywhere_into_20_parts_changes_three_of_them_at_most(seed: int) -> None:
    paragraphs, prose = twenty_parts(seed), Prose(1000 + seed)
    before = section_of(paragraphs)
    counts: Counter[int] = Counter()
    for place in range(len(paragraphs) + 1):
        after = section_of([*paragraphs[:place], prose.paragraph(4), *paragraphs[place:]])
        counts[changed(before, after)] += 1
    # In 1 of 200 insertions the neighbourhood is such that a fourth part changes, rarely a fifth.
    assert sum(counts[n] for n in range(4)) >= 0.97 * sum(counts.values()), counts
    assert max(counts) <= 5, counts


@pytest.mark.parametrize("seed", range(3))
def test_an_edited_sentence_changes_two_parts_at_most(seed: int) -> None:
    paragraphs, prose = twenty_parts(seed), Prose(2000 + seed)
    before = section_of(paragraphs)
    counts: Counter[int] = Counter()
    for place, paragraph in enumerate(paragraphs):
        sentences = paragraph.split(". ")
        sentences[prose.random.randrange(len(sentences))] += " " + prose.word()
        counts[changed(before, section_of([*paragraphs[:place], ". ".join(sentences), *paragraphs[place + 1 :]]))] += 1
    assert sum(counts[n] for n in range(3)) >= 0.97 * sum(counts.values()), counts
    assert max(counts) <= 4, counts


@pytest.mark.parametrize("seed", range(3))
def test_a_deleted_paragraph_changes_three_parts_at_most(seed: int) -> None:
    paragraphs = twenty_parts(seed)
    before = section_of(paragraphs)
    counts = Counter(
        changed(before, section_of([*paragraphs[:n], *paragraphs[n + 1 :]])) for n in range(len(paragraphs))
    )
    assert sum(counts[n] for n in range(4)) >= 0.97 * sum(counts.values()), counts
    assert max(counts) <= 5, counts


def test_a_paragraph_at_the_top_of_a_long_section_leaves_its_end_alone() -> None:
    paragraphs = twenty_parts(7)
    before, after = section_of(paragraphs), section_of(["A new beginning of the chapter.", *paragraphs])
    assert ids(before)[5:] == ids(after)[-len(ids(before)[5:]) :]


def test_an_edit_in_a_document_of_500_sections_changes_one() -> None:
    prose = Prose(3)
    bodies = [prose.paragraph() for _ in range(500)]

    def document(texts_: list[str]) -> ParsedDocument:
        return read("# Title\n\n" + "".join(f"## Topic {n}\n\n{text}\n\n" for n, text in enumerate(texts_)))

    before = document(bodies)
    for place in (0, 123, 499):
        assert changed(before, document([*bodies[:place], bodies[place] + " One more.", *bodies[place + 1 :]])) <= 2


_PROGRAM = """
import sys
from support.unit.formats_samples import Prose, ids, read
prose = Prose(5)
source = "# Ünï\\n\\n" + "\\n\\n".join(prose.paragraphs(60)) + "\\n\\n```py\\n" + "x = 1\\n" * 300 + "```\\n\\n" + "数据库" * 500
print("\\n".join(ids(read(source))))
"""


def test_the_same_bytes_give_the_same_ids_whatever_the_seed_locale_or_time_zone() -> None:
    path = os.pathsep.join([str(Path(__file__).resolve().parents[2]), str(Path(docgraph.__path__[0]).parent)])
    outputs = []
    for seed, locale, zone in (
        ("0", "C", "UTC"),
        ("1", "C.UTF-8", "Asia/Tokyo"),
        ("4242", "tr_TR.UTF-8", "America/Lima"),
    ):
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": path,
            "PYTHONHASHSEED": seed,
            "LC_ALL": locale,
            "TZ": zone,
        }
        done = subprocess.run(
            [sys.executable, "-c", _PROGRAM], env=environment, capture_output=True, text=True, check=True
        )
        outputs.append(done.stdout.split())
    assert len(outputs[0]) > 20
    assert outputs[0] == outputs[1] == outputs[2]
