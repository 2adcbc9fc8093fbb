"""embed: added sections → vectors, durable batch by batch.

The one stage that works across documents: batches are filled from all of a task's documents, sorted by length, and each
is in the journal before the next is asked for. A resumed task computes only what the journal lacks.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from docgraph.domain.documents import EmbeddingVersion, ParsedDocument, Plan, Section
from docgraph.domain.errors import DocumentError
from docgraph.domain.identity import fingerprint
from docgraph.ingest.work import Work, target_versions, wait_for_gate
from docgraph.runtime.failpoints import failpoint
from docgraph.state.jobs import Checkpoint

NAME = "embed"
EMBED_VERSION = 1
logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Progress:
    """How far one document is."""

    work: Work
    fingerprint: str
    #: Vectors: of each added section, in each embedding version.
    total: int = 0
    done: int = 0
    failed: DocumentError | None = None


def fingerprint_of(work: Work) -> str:
    """Return what determines the vectors: the embedding versions and the plan."""
    names = [version.name for version in target_versions(work.runtime, work.job.tag)]
    return fingerprint(NAME, EMBED_VERSION, [*names, work.checkpoint("build_graph").fingerprint])


def run_batch(works: Sequence[tuple[Work, str]]) -> dict[str, Checkpoint | DocumentError]:
    """Embed what the journal lacks for each of the (work, fingerprint) pairs; returns a checkpoint or an error by job id.

    A job that is cancelled meanwhile is left out of the following batches and of the answer.
    """
    progress: dict[str, _Progress] = {}
    queues: dict[EmbeddingVersion, list[tuple[Section, _Progress]]] = defaultdict(list)
    for work, own_fingerprint in works:
        plan = work.load("build_graph", Plan)
        wanted = set(plan.difference.added)
        state = progress[work.job_id] = _Progress(work, own_fingerprint)
        if not wanted:
            continue
        sections = [s for s in work.load("parse", ParsedDocument).sections if s.section_id in wanted]
        for version in target_versions(work.runtime, work.job.tag):
            there = work.runtime.journal.load(version.name, work.document_id, sorted(wanted))
            state.total += len(wanted)
            state.done += len(there)
            queues[version] += [(s, state) for s in sections if s.section_id not in there]
    for version, queue in queues.items():
        _embed(version, queue)
    return {
        job_id: state.failed
        or Checkpoint(fingerprint=state.fingerprint, artifact="", items=state.total, extra={"unit": "vectors"})
        for job_id, state in progress.items()
        if state.failed or state.done == state.total
    }


def _embed(version: EmbeddingVersion, queue: list[tuple[Section, _Progress]]) -> None:
    """Work the queue off, longest texts first, so that a batch is padded little."""
    if not queue:
        return
    runtime = queue[0][1].work.runtime
    for batch in _batches(queue, runtime.config.pipeline.embed_batch):
        involved = list({id(state): state for _, state in batch}.values())
        wait_for_gate(runtime, [state.work for state in involved])
        live = {id(s) for s in involved if runtime.state.jobs.is_live(s.work.job_id, s.work.run_id) and not s.failed}
        members = [(section, state) for section, state in batch if id(state) in live]
        if members:
            _embed_batch(version, members)
        failpoint("embed.after_batch")


def _batches(queue: list[tuple[Section, _Progress]], size: int) -> Iterator[list[tuple[Section, _Progress]]]:
    ordered = sorted(queue, key=lambda item: (-len(item[0].text), item[0].section_id))
    return (ordered[start : start + size] for start in range(0, len(ordered), size))


def _embed_batch(version: EmbeddingVersion, members: list[tuple[Section, _Progress]]) -> None:
    runtime = members[0][1].work.runtime
    try:
        vectors = runtime.embedder.serving(version.name).embed([section.embedded_text for section, _ in members])
    except DocumentError:
        # The server refuses the whole request: find out whose text it was, so that only that document fails.
        _embed_one_by_one(version, members)
        return
    _keep(version, members, vectors)


def _embed_one_by_one(version: EmbeddingVersion, members: list[tuple[Section, _Progress]]) -> None:
    for section, state in members:
        if state.failed:
            continue
        try:
            vector = state.work.runtime.embedder.serving(version.name).embed([section.embedded_text])
        except DocumentError as error:
            logger.warning(
                "section %s of %s can't be embedded: %s", section.section_id, state.work.job.source_uri, error
            )
            state.failed = error
            continue
        _keep(version, [(section, state)], vector)


def _keep(
    version: EmbeddingVersion,
    members: list[tuple[Section, _Progress]],
    vectors: np.ndarray[tuple[int, int], np.dtype[np.float32]],
) -> None:
    """Make a batch durable, document by document, then announce it."""
    by_document: dict[int, dict[str, np.ndarray[tuple[int], np.dtype[np.float32]]]] = defaultdict(dict)
    states = {id(state): state for _, state in members}
    for (section, state), vector in zip(members, vectors, strict=True):
        by_document[id(state)][section.section_id] = vector
    for key, rows in by_document.items():
        state = states[key]
        state.work.runtime.journal.put(version.name, state.work.document_id, rows)
        state.done += len(rows)
        state.work.runtime.state.jobs.add_counts(state.work.job_id, state.work.run_id, embedded=len(rows))
        state.work.say("running", done=state.done, total=state.total, unit="sections")
