"""Probes: questions made from sections."""

from __future__ import annotations

from docgraph.stores.graph.reading import SectionText
from docgraph.verdict.probes import WORDS, choose, probe_text


def section(name: str, text: str, document: str = "d", heading: str = "Title") -> SectionText:
    return SectionText(name, document, "docs", (heading,), text, f"hash of {text}", 0)


def test_a_probe_is_the_last_heading_and_the_first_words_without_markup() -> None:
    text = "```python\n**Install** the `client` first, then " + "word " * 50
    assert probe_text(("Guide", "Install"), text).startswith("Install Install the client first then word")
    assert len(probe_text(("Install",), text).split()) == WORDS + 1


def test_boilerplate_is_asked_for_last() -> None:
    boilerplate = [
        section(f"b{i}", f"see the manual for more about this and that thing number {i}", "d1") for i in range(5)
    ]
    special = section("s", "quorum leases expire after the raft election timeout elapses twice", "d1")
    assert choose([*boilerplate, special], 1) == [special]


def test_different_documents_come_before_further_sections_of_one() -> None:
    texts = [
        "alpha beta gamma delta epsilon zeta eta theta",
        "iota kappa lambda mu nu xi omicron pi rho",
        "one two three four five six seven eight nine",
    ]
    found = choose([section("a", texts[0], "x"), section("b", texts[1], "x"), section("c", texts[2], "y")], 2)
    assert {s.document_id for s in found} == {"x", "y"}


def test_the_same_text_is_asked_for_once() -> None:
    text = "alpha beta gamma delta epsilon zeta eta theta iota"
    assert len(choose([section("a", text, "x"), section("b", text, "y")], 2)) == 1


def test_short_sections_serve_where_there_is_nothing_else() -> None:
    assert [s.section_id for s in choose([section("a", "tiny")], 3)] == ["a"]


def test_the_choice_does_not_depend_on_the_order() -> None:
    sections = [
        section(f"s{i}", f"words that differ {i} {i * 7} {i * 13} alpha beta gamma delta", f"d{i % 3}")
        for i in range(12)
    ]
    assert choose(sections, 3) == choose(sections[::-1], 3)
