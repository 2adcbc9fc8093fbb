"""A reader that never stops asking while a large document is rewritten without a break: no mix of generations, no gap, ever."""

from __future__ import annotations

import itertools
import secrets
import threading
import time
from collections import Counter
from dataclasses import dataclass

import numpy as np
import pytest

from docgraph.domain import identity
from docgraph.domain.commit import CommitRequest, SectionRow
from docgraph.domain.documents import EmbeddingVersion, Point, embedded_text
from docgraph.domain.errors import ReadConflictError
from docgraph.domain.protocol import Attempt, CommitDecision
from docgraph.retrieval import search
from docgraph.runtime.connections import Runtime

URI = "upload:///large.md"
SECTIONS = 400
#: The contents that follow each other, in a circle, so that ids come back that were there before.
EDITIONS = 3
ANSWERS = 1000
#: How long the writer rests between two commits: one that never does is met by every round of a search.
REST_SECONDS = 0.05


@dataclass(frozen=True)
class Edition:
    """One content of the document, with its vectors."""

    number: int
    rows: list[SectionRow]
    points: list[Point]


def editions(runtime: Runtime, tag: str) -> list[Edition]:
    """Make the contents: section n of each speaks of the same thing, in a wording of its own."""
    document, path = identity.document_id(tag, URI), ("Quorum",)
    made = []
    for number in range(EDITIONS):
        texts = [f"The quorum lease of part{n} in edition{number}." for n in range(SECTIONS)]
        embedded = [embedded_text(path, text) for text in texts]
        vectors = np.concatenate([runtime.embedder.first.embed(embedded[i : i + 32]) for i in range(0, SECTIONS, 32)])
        rows, points = [], []
        for text, vector in zip(texts, vectors, strict=True):
            section, hashed = identity.section_id(document, path, text, 0), identity.text_hash(path, text)
            rows.append(SectionRow(section, path, text, hashed, 0, ""))
            floats = vector.tolist()
            points.append(Point(section, document, tag, floats, hashed, identity.vector_hash(floats)))
        made.append(Edition(number, rows, points))
    return made


def write(runtime: Runtime, version: EmbeddingVersion, tag: str, edition: Edition) -> None:
    """Replace the whole document by the protocol: stage, commit, sweep."""
    document = identity.document_id(tag, URI)
    before = runtime.graph.committed(document)
    fence = before.fence + 1
    runtime.vectors.stage(version, edition.points, fence)
    generation = tuple(row.section_id for row in edition.rows)
    request = CommitRequest(
        attempt=Attempt(document, secrets.token_hex(8), fence, fence, before.generation),
        tag=tag,
        source_uri=URI,
        job_id="job",
        checksum=secrets.token_hex(8),
        pipeline="p",
        base_pipeline=before.pipeline,
        generation=generation,
        removed=tuple(i for i in before.generation if i not in generation),
        rows=edition.rows,
        entities={},
        properties={"title": "Large", "content_type": "text/markdown", "anchors": [""] * SECTIONS},
        staged=frozenset({version.name}),
    )
    assert runtime.graph.commit(request).decision is CommitDecision.COMMIT
    runtime.vectors.sweep(version, document, fence, generation)


@pytest.mark.task("6.2")
@pytest.mark.timeout(1500)
@pytest.mark.matrix
def test_no_search_sees_a_mix_or_a_gap_while_400_sections_are_rewritten_continuously(
    runtime: Runtime, version: EmbeddingVersion, tag: str
) -> None:
    runtime.graph.ensure_dataset(tag, version.name)
    contents = editions(runtime, tag)
    write(runtime, version, tag, contents[0])
    stopping = threading.Event()
    commits: list[float] = []
    failures: list[Exception] = []

    def rewrite() -> None:
        try:
            for edition in itertools.cycle([*contents[1:], contents[0]]):
                if stopping.is_set():
                    return
                write(runtime, version, tag, edition)
                commits.append(time.monotonic())
                time.sleep(REST_SECONDS)
        except Exception as error:
            failures.append(error)

    writer = threading.Thread(target=rewrite)
    writer.start()
    began = time.monotonic()
    seconds: list[float] = []
    met_a_commit = conflicts = 0
    seen: Counter[str] = Counter()
    edition_of = {row.section_id: str(edition.number) for edition in contents for row in edition.rows}
    with_neighbours = 0
    try:
        for poll in itertools.count():
            if seen.total() == ANSWERS:
                break
            # By turns a whole page, whose every place must be taken, and one section, which must be there.
            part = None if poll % 2 else poll // 2 * 7 % SECTIONS
            question = "quorum lease" if part is None else f"quorum lease of part{part}"
            started, before = time.monotonic(), len(commits)
            try:
                answer = search(runtime.graph, runtime.vectors, runtime.embedder, question, tag, limit=100)
            except ReadConflictError:
                conflicts += 1
                continue
            finally:
                seconds.append(time.monotonic() - started)
                met_a_commit += len(commits) > before
            snippets = [hit.snippet for hit in answer.evidence]
            shown = {snippet.rpartition("edition")[2].rstrip(".") for snippet in snippets}
            near = {
                edition_of[place.section_id] for hit in answer.evidence for place in hit.related if place.section_id
            }
            with_neighbours += bool(near)
            assert len(shown) == 1, f"poll {poll} shows {len(shown)} editions at once"
            assert near <= shown, f"poll {poll} shows neighbours of another edition"
            assert len(set(snippets)) == 100, f"poll {poll} shows {len(set(snippets))} of 100 sections"
            if part is not None:
                assert any(f" part{part} " in snippet for snippet in snippets), f"poll {poll} misses part {part}"
            seen.update(shown)
    finally:
        stopping.set()
        writer.join(timeout=60)
    elapsed = time.monotonic() - began
    print(
        f"\n{len(seconds)} polls in {elapsed:.0f} s during {len(commits)} commits of {SECTIONS} sections "
        f"({met_a_commit} polls met a commit's end); {conflicts} ended in a conflict; "
        f"{with_neighbours} came with neighbours; "
        f"median {sorted(seconds)[len(seconds) // 2]:.3f} s, slowest {max(seconds):.2f} s; editions seen: {dict(seen)}"
    )
    assert failures == []
    assert len(commits) > 20, "the document was hardly rewritten while it was read"
    assert len(seen) == EDITIONS
    assert with_neighbours > ANSWERS / 2
