"""A vector file that the disk has cut off or changed: its texts are embedded again, and nothing of it reaches the vector store."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from docgraph.domain.documents import EmbeddingVersion, embedded_text
from docgraph.domain.identity import document_id
from docgraph.domain.jobs import STAGES
from docgraph.ingest import pipeline
from docgraph.runtime.connections import Runtime
from docgraph.state.records import Checkpoint
from support.integration.embedder_metrics import texts_computed
from support.integration.work import ask, uri_of

DOCUMENT = "guide"
SECTIONS = 80


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def flip_a_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    # The exponent of a vector's last number: a vector that is finite, and wrong.
    data[-1] ^= 0x01
    path.write_bytes(data)


@pytest.mark.task("6.2")
@pytest.mark.parametrize("damage", [cut_off, flip_a_bit])
@pytest.mark.parametrize("stage", ["embed", "vector_upsert"])
def test_a_damaged_vector_file_is_computed_again_and_never_upserted(
    runtime: Runtime, version: EmbeddingVersion, tag: str, stage: str, damage: Callable[[Path], None]
) -> None:
    """The file is damaged after it was written, before a repeated embed or before vector_upsert reads it."""
    text = "# Guide\n\n" + "".join(f"## Topic {n}\n\nThe limit of {tag} {n} is {n * 7}.\n\n" for n in range(SECTIONS))
    (job_id,) = ask(runtime, tag, {DOCUMENT: text})
    run_id = f"test-{uuid.uuid4().hex}"
    (batch,) = pipeline.claim(runtime, run_id, tag, [job_id])
    for name in STAGES[: STAGES.index("embed") + 1]:
        pipeline.run_stage(runtime, name, run_id, batch)
    document = document_id(tag, uri_of(DOCUMENT))
    files = sorted((runtime.settings.artifacts_root / "vectors").rglob(f"{document}/*.vectors"))
    size = runtime.config.pipeline.embed_batch
    assert len(files) == -(-SECTIONS // size)
    damage(max(files, key=lambda path: path.stat().st_size))
    before = texts_computed(runtime.settings)
    if stage == "embed":
        # As after a kill: what was embedded is known from the journal alone.
        runtime.state.jobs.set_checkpoint(job_id, "embed", Checkpoint(fingerprint="", artifact=""))
        pipeline.run_stage(runtime, "embed", run_id, batch)
        assert texts_computed(runtime.settings) - before == size
    for name in STAGES[STAGES.index("vector_upsert") :]:
        pipeline.run_stage(runtime, name, run_id, batch)
    assert texts_computed(runtime.settings) - before == size
    assert runtime.state.jobs.get(job_id).outcome == "created"
    points = {p.section_id: p for p in runtime.vectors.scroll(version, document_id=document, with_vectors=True)}
    assert set(points) == set(runtime.graph.committed(document).generation)
    texts = runtime.graph.sections(sorted(points))
    right = runtime.embedder.first.embed([embedded_text(texts[i].heading_path, texts[i].text) for i in sorted(points)])
    stored = np.array([points[i].vector for i in sorted(points)])
    # Other texts in a batch, other padding: the last digits may differ.
    assert np.abs(stored - right).max() < 1e-4
