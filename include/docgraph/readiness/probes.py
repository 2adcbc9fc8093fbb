"""Questions made from a dataset's own sections: each must bring its section back. Pure apart from reading the sections.

In a dataset of near-duplicates (release notes, pages of an API that say the same of each function) a probe can't mean one
section alone. What answers it as well as its own section is no worse a hit, so it takes no place in the count: a section
that holds nearly all of the question's words. Only words decide that, never the vectors that are on trial.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from docgraph.stores.graph import GraphStore
from docgraph.stores.graph.views import SectionText

#: Words of its text that a probe takes, after the last heading.
WORDS = 12
#: A shorter text says too little to tell its section from others.
ENOUGH_WORDS = 8
#: Sections that the probes are chosen from.
CHOICE = 60
#: Share of a question's words that a section holds that answers it as well.
AS_WELL = 0.8

_WORD = re.compile(r"[^\W_][\w.'’\-/]*")
_FENCE = re.compile(r"^\s*(```|~~~).*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Probe:
    """A question whose answer is known: this section, or one with the same text."""

    q: str
    section_id: str
    text_hash: str


def probe_text(heading_path: Sequence[str], text: str) -> str:
    """Return the question for a section: its last heading and the first words of its text, without markup."""
    words = _WORD.findall(_FENCE.sub(" ", text))[:WORDS]
    return " ".join([*heading_path[-1:], *words]).strip()


def choose(sections: Sequence[SectionText], count: int) -> list[SectionText]:
    """Choose the sections that differ most from the others, from different documents where there are several.

    A section is measured by the rarity of its question's words among the sections to choose from (inverse document
    frequency), so that boilerplate is asked for last; equal ones stand in the order of their ids.
    """
    questions = {s.section_id: set(probe_text(s.heading_path, s.text).lower().split()) for s in sections}
    holding = Counter(word for words in questions.values() for word in words)

    def telling(section: SectionText) -> float:
        return sum(math.log(1 + len(sections) / holding[word]) for word in questions[section.section_id])

    def is_long_enough(section: SectionText) -> bool:
        return len(questions[section.section_id]) >= ENOUGH_WORDS

    ordered = sorted(
        (s for s in sections if questions[s.section_id]),
        key=lambda s: (not is_long_enough(s), -telling(s), s.section_id),
    )
    chosen: list[SectionText] = []
    for again in (False, True):
        for section in ordered:
            is_new = section.text_hash not in {c.text_hash for c in chosen}
            from_new_document = section.document_id not in {c.document_id for c in chosen}
            if len(chosen) < count and is_new and (again or from_new_document):
                chosen.append(section)
    return chosen


def answers_as_well(question: str, section: SectionText) -> bool:
    """Whether a section holds nearly all of a question's words."""
    asked = _words(question)
    held = _words(" ".join([*section.heading_path, section.text]))
    return len(asked & held) >= AS_WELL * len(asked)


def came_back(probe: Probe, hits: Sequence[SectionText], top: int, depth: int) -> bool:
    """Whether the probe's section, or its very text, is among the first `top` hits without those that answer as well.

    Where such ones fill all the `depth` hits that were asked for, it was crowded out by what is no worse, and counts as
    come back.
    """
    others = 0
    for hit in hits:
        if hit.section_id == probe.section_id or hit.text_hash == probe.text_hash:
            return True
        others += not answers_as_well(probe.q, hit)
        if others >= top:
            return False
    return len(hits) >= depth


def make_probes(sections: Sequence[SectionText], count: int) -> list[Probe]:
    """Make up to `count` probes from the sections that a dataset is tried by."""
    chosen = choose(sections, count)
    return [Probe(probe_text(s.heading_path, s.text), s.section_id, s.text_hash) for s in chosen]


def candidates(graph: GraphStore, tag: str, changed: Sequence[str], count: int) -> list[SectionText]:
    """Return sections to try a dataset by: what a run changed, and the dataset's where that is fewer than `count`."""
    members = graph.live_sections(_spread(list(dict.fromkeys(changed)), CHOICE))
    members = [section for section in members if section.tag == tag]
    if len(members) < count:
        known = {section.section_id for section in members}
        others = graph.live_sections(graph.sample_sections(tag, limit=CHOICE // 3, each=3))
        members += [section for section in others if section.section_id not in known]
    return members


def _words(text: str) -> set[str]:
    return {word.lower() for word in _WORD.findall(text)}


def _spread(items: Sequence[str], count: int) -> list[str]:
    """Return up to `count` items at even distances."""
    if len(items) <= count:
        return list(items)
    return [items[i * len(items) // count] for i in range(count)]
