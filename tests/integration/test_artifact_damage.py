"""An artifact that is gone, damaged or of an older release is made again by whichever stage needs it; no run stops for it."""

from __future__ import annotations

import uuid

import pytest

from docgraph.domain.documents import EmbeddingVersion
from docgraph.domain.jobs import STAGES
from docgraph.ingest import pipeline
from docgraph.integrity.compare import compare_dataset
from docgraph.runtime.connections import Runtime
from docgraph.state.records import Checkpoint
from support.integration.work import ask


@pytest.mark.task("6.2")
@pytest.mark.parametrize("stage", ["build_graph", "embed", "vector_upsert", "reconcile"])
@pytest.mark.parametrize("damage", ["lost", "of an older release"])
def test_an_artifact_that_cannot_be_read_is_made_again(
    runtime: Runtime, version: EmbeddingVersion, tag: str, stage: str, damage: str
) -> None:
    (job_id,) = ask(
        runtime, tag, {"guide": "# Guide\n\nSays a lot.\n\n## Limits\n\nAt most `--limit` workers start.\n"}
    )
    run_id = f"test-{uuid.uuid4().hex}"
    (batch,) = pipeline.claim(runtime, run_id, tag, [job_id])
    place = STAGES.index(stage)
    for name in STAGES[:place]:
        pipeline.run_stage(runtime, name, run_id, batch)
    for name, before in runtime.state.jobs.checkpoints(job_id).items():
        if before.artifact:
            old = runtime.artifacts.put_json(name, uuid.uuid4().hex, {"entities": [], "parsed": "parse/0"})
            reference = old if damage == "of an older release" else f"{old}0"
            runtime.state.jobs.set_checkpoint(job_id, name, Checkpoint(before.fingerprint, reference))
    for name in STAGES[place:]:
        pipeline.run_stage(runtime, name, run_id, batch)
    assert runtime.state.jobs.get(job_id).outcome == "created"
    assert compare_dataset(runtime, version, tag, with_vectors=True).is_equal
