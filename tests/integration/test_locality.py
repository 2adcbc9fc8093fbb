"""What an edit costs on the real pipeline: the texts that the embedder computes, by its own count, and what is left behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from docgraph.domain.documents import EmbeddingVersion
from docgraph.integrity.compare import compare_dataset
from docgraph.runtime.connections import Runtime
from support.e2e.drops import Drops
from support.integration.embedder_metrics import texts_computed
from support.integration.store_service import Ingest, ingest
from support.unit.formats_samples import Prose

__all__ = ["ingest"]

pytestmark = pytest.mark.task("6.2")


@pytest.fixture
def cost_of(runtime: Runtime, version: EmbeddingVersion, tag: str, ingest: Ingest) -> Iterator[Callable[[str], int]]:
    """Bring a new text of one document through; return how many texts were embedded for it; the stores are in step at the end."""

    def run(text: str) -> int:
        before = texts_computed(runtime.settings)
        (state,) = ingest(guide=text)
        cost = texts_computed(runtime.settings) - before
        assert state.outcome in {"created", "updated"}, state.error
        assert state.counts["embedded"] == cost
        return cost

    yield run
    assert compare_dataset(runtime, version, tag, with_vectors=True).is_equal


def test_in_500_sections_a_sentence_costs_two_texts_at_most_and_a_line_at_the_top_or_a_heading_one(
    cost_of: Callable[[str], int],
) -> None:
    sections = [f"## Topic {n}\n\nThe limit of topic {n} is {n * 7}. It counts connections.\n" for n in range(500)]
    assert cost_of("# Guide\n\n" + "\n".join(sections)) == 500
    sections[250] = sections[250].replace("It counts", "It no longer counts")
    assert 1 <= cost_of("# Guide\n\n" + "\n".join(sections)) <= 2
    assert cost_of("# Guide\n\nRead this first.\n\n" + "\n".join(sections)) == 1
    sections[77] = sections[77].replace("## Topic", "## Subject")
    assert cost_of("# Guide\n\nRead this first.\n\n" + "\n".join(sections)) == 1


def test_a_paragraph_put_into_a_section_of_20_parts_costs_three_texts_at_most(cost_of: Callable[[str], int]) -> None:
    prose = Prose(0)
    paragraphs = prose.paragraphs(62)

    def document() -> str:
        return "# Guide\n\n## Chapter\n\n" + "\n\n".join(paragraphs) + "\n"

    assert cost_of(document()) >= 20
    for place in (0, 25, len(paragraphs) + 2):
        paragraphs.insert(place, prose.paragraph())
        assert 1 <= cost_of(document()) <= 3


def test_a_deletion_leaves_the_tombstone_alone_and_of_the_entities_those_that_others_mention(
    runtime: Runtime, version: EmbeddingVersion, tag: str, ingest: Ingest
) -> None:
    ingest(
        guide="# Guide\n\nStart it with `--shared-option`, `--own-option` limits it.\n",
        other="# Other\n\nThe option `--shared-option` is explained here, see [the guide](guide.md).\n",
    )
    data = Drops(runtime, tag)
    assert {"--shared-option", "--own-option"} <= options(data)
    (state,) = ingest(guide=None)
    assert state.outcome == "deleted"
    points = list(runtime.vectors.scroll(version, tag=tag))
    assert {point.section_id for point in points} == set(data.ids_in_graph())
    assert state.document_id not in {point.document_id for point in points}
    census = data.census()
    assert (census["Tombstone"], census["Document"], census["Section"]) == (1, 1, len(points))
    assert "--own-option" not in options(data)
    assert "--shared-option" in options(data)
    assert data.cypher(f"MATCH (:Source {{id: '{state.document_id}'}})-[edge]->() RETURN edge") == []


def options(data: Drops) -> set[str]:
    """The names of the dataset's entities."""
    return {row["name"] for row in data.cypher("MATCH (e:Entity {tag: $tag}) RETURN e.name AS name")}
