"""Whether vectors are those of their texts, by computing them again: what no hash can tell, because it is made from the vector.

A broken embedder, or one that was another model under the same name, leaves vectors that are stored soundly and mean
nothing. Computing all of them again costs as much as ingesting, so it is done for a sample, and for vectors that raise
suspicion. Reads only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from docgraph.domain.documents import embedded_text
from docgraph.model_servers import Embedder, EmbeddingInputError
from docgraph.model_servers.client import Vectors
from docgraph.stores.graph import GraphStore
from docgraph.stores.graph.views import SectionText
from docgraph.stores.vectors import VectorStore

#: Below this cosine, two vectors are not of one text and one model. An embedding server of ours holds its engine to 1e-4 (1 - cosine
#: to the model in fp32). For unit vectors 1 - cosine is half the angle squared, so two vectors of one text that were made by
#: different engines differ by twice the angle, which is 4e-4, and 1e-3 leaves room for texts that deviate more than the measured ones.
#: Of 900 different sections of documentation no two came closer than 1.7e-3.
SAME_COSINE = 0.999
_AT_ONCE = 256

#: Told how many vectors have been computed.
Say = Callable[[int], None]


def _nothing(done: int) -> None:
    del done


@dataclass(frozen=True, slots=True)
class Recomputed:
    """What computing vectors again has shown, as section ids."""

    checked: tuple[str, ...] = ()
    #: Their vector is not what the embedder makes of their text.
    foreign: tuple[str, ...] = ()
    #: Their text is longer than the model reads.
    too_long: tuple[str, ...] = ()


def recompute(
    graph: GraphStore,
    vectors: VectorStore,
    embedder: Embedder,
    section_ids: Sequence[str],
    say: Say = _nothing,
    texts: Mapping[str, SectionText] | None = None,
) -> Recomputed:
    """Compute the vectors of sections again and compare them with the stored ones; absent sections and points are left out.

    The points are those of the embedder's version. `texts` are the sections by id where the caller has read them already:
    a section's text never changes.
    """
    found, version = Recomputed(), embedder.version
    for start in range(0, len(section_ids), _AT_ONCE):
        ids = section_ids[start : start + _AT_ONCE]
        points = vectors.retrieve(version, ids, with_vectors=True)
        known = graph.sections(ids) if texts is None else {i: texts[i] for i in ids}
        sections = [s for s in known.values() if s.section_id in points]
        fitting, computed = _embed(embedder, sections)
        foreign = [
            s.section_id
            for s, v in zip(fitting, computed, strict=True)
            if not is_same(points[s.section_id].vector or (), v)
        ]
        too_long = [s.section_id for s in sections if s not in fitting]
        found = Recomputed(
            (*found.checked, *(s.section_id for s in sections)),
            (*found.foreign, *foreign),
            (*found.too_long, *too_long),
        )
        say(start + len(ids))
    return found


def _embed(embedder: Embedder, sections: Sequence[SectionText]) -> tuple[list[SectionText], Vectors]:
    """Return those of the sections that the model reads whole, and their vectors."""
    fitting = list(sections)
    while True:
        try:
            return fitting, embedder.embed([embedded_text(s.heading_path, s.text) for s in fitting])
        except EmbeddingInputError as error:
            del fitting[error.index]


def is_same(stored: Sequence[float], computed: Sequence[float]) -> bool:
    """Say whether two vectors of length 1 are of one text and one model, whatever engines and precisions made them."""
    return sum(float(a) * float(b) for a, b in zip(stored, computed, strict=False)) >= SAME_COSINE
