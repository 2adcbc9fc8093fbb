"""Probes: questions made from sections."""

from __future__ import annotations

from docgraph.readiness.probes import WORDS, Probe, answers_as_well, came_back, choose, probe_text
from docgraph.stores.graph.views import SectionText


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


def near(number: int) -> SectionText:
    text = "Bug fixes and performance improvements. Thanks to everybody who reported a problem with the release."
    return section(f"n{number}", text + f" Build {number}.", heading=f"Release 1.{number}")


OTHERS = [section(f"o{i}", f"nothing of what was asked for stands in text number {i}") for i in range(5)]


def probe_of(wanted: SectionText) -> Probe:
    return Probe(probe_text(wanted.heading_path, wanted.text), wanted.section_id, wanted.text_hash)


def test_a_probe_comes_back_among_the_top_hits_or_not_at_all() -> None:
    wanted = section("s", "quorum leases expire after the raft election timeout elapses twice")
    assert came_back(probe_of(wanted), [*OTHERS[:4], wanted], 5, 25)
    assert not came_back(probe_of(wanted), [*OTHERS, wanted], 5, 25)
    assert not came_back(probe_of(wanted), OTHERS[:4], 5, 25)
    assert not came_back(probe_of(wanted), [], 5, 25)


def test_near_duplicates_take_no_place_from_the_section_that_a_probe_was_made_from() -> None:
    assert came_back(probe_of(near(0)), [*map(near, range(1, 20)), near(0)], 5, 25)
    assert came_back(probe_of(near(0)), [near(number) for number in range(1, 26)], 5, 25)


def test_a_section_that_is_not_there_is_not_excused_by_some_near_duplicates() -> None:
    assert not came_back(probe_of(near(0)), [near(1), near(2), *OTHERS], 5, 25)
    assert not came_back(probe_of(near(0)), [near(1), near(2)], 5, 25)


def test_sections_about_something_else_do_not_answer_as_well() -> None:
    assert answers_as_well(probe_of(near(0)).q, near(1))
    assert not any(answers_as_well(probe_of(near(0)).q, other) for other in OTHERS)


def test_short_sections_serve_where_there_is_nothing_else() -> None:
    assert [s.section_id for s in choose([section("a", "tiny")], 3)] == ["a"]


def test_the_choice_does_not_depend_on_the_order() -> None:
    sections = [
        section(f"s{i}", f"words that differ {i} {i * 7} {i * 13} alpha beta gamma delta", f"d{i % 3}")
        for i in range(12)
    ]
    assert choose(sections, 3) == choose(sections[::-1], 3)
