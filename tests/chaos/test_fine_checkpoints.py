"""kill -9 of a process that embeds a corpus: the run that goes on after it pays for the batch in flight at most.

The stages run in a process of their own on the real stores, without Airflow, so that the kill lands where it says. Texts
are counted by the embedder.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid

import pytest

from docgraph.domain.documents import EmbeddingVersion
from docgraph.domain.jobs import STAGES
from docgraph.ingest import pipeline
from docgraph.integrity.compare import compare_dataset
from docgraph.runtime.connections import Runtime
from docgraph.runtime.failpoints import VARIABLE
from docgraph_local.stack import Stack
from support.integration.embedder_metrics import texts_computed
from support.integration.work import ask

#: Brings jobs through stages: `STAGES RUN_ID JOB_ID…`.
_PROGRAM = """
import sys
from docgraph.ingest import pipeline
from docgraph.runtime.connections import Runtime

stages, run_id, *job_ids = sys.argv[1:]
with Runtime.load() as runtime:
    for stage in stages.split(","):
        pipeline.run_stage(runtime, stage, run_id, job_ids)
"""
DOCUMENTS = 10


def page(number: int, sections: int, seed: str) -> str:
    """A page whose sections are unlike each other and those of any other seed."""
    return f"# Page {number}\n\n" + "".join(
        f"## Topic {n}\n\nThe limit of {seed} on page {number} for topic {n} is {n * 7} connections.\n\n"
        for n in range(sections)
    )


def work(stack: Stack, stages: tuple[str, ...], run_id: str, job_ids: list[str], failpoint: str) -> int:
    """Run stages in a process of their own; return its exit code."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("DOCGRAPH_", "AIRFLOW"))}
    command = [sys.executable, "-c", _PROGRAM, ",".join(stages), run_id, *job_ids]
    environment = {**clean, **stack.env(), VARIABLE: failpoint}
    return subprocess.run(command, env=environment, timeout=500, check=False).returncode


@pytest.mark.task("6.2")
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("sections", "batches_before"),
    [pytest.param(14, 2, id="140 sections"), pytest.param(100, 16, id="1000 sections", marks=pytest.mark.matrix)],
)
def test_a_corpus_killed_at_half_of_its_embedding_pays_one_batch_twice_at_most(
    stores: Stack, runtime: Runtime, version: EmbeddingVersion, tag: str, sections: int, batches_before: int
) -> None:
    job_ids = ask(runtime, tag, {f"page-{number}": page(number, sections, tag) for number in range(DOCUMENTS)})
    run_id = f"test-{uuid.uuid4().hex}"
    pipeline.claim(runtime, run_id, tag, job_ids)
    total, batch = DOCUMENTS * sections, runtime.config.pipeline.embed_batch
    before = texts_computed(runtime.settings)
    to_embed, rest = STAGES[: STAGES.index("embed") + 1], STAGES[STAGES.index("embed") :]

    code = work(stores, to_embed, run_id, job_ids, f"embed.after_batch:{batches_before}=kill")
    assert code == -signal.SIGKILL
    at_kill = texts_computed(runtime.settings) - before
    assert at_kill == batches_before * batch
    assert work(stores, rest, run_id, job_ids, "") == 0

    texts = texts_computed(runtime.settings) - before
    print(f"\n{texts} texts embedded for {total} sections, {at_kill} of them before the kill")
    assert total <= texts <= total + batch
    assert {state.outcome for state in runtime.state.jobs.get_many(job_ids)} == {"created"}
    comparison = compare_dataset(runtime, version, tag, with_vectors=True)
    assert comparison.is_equal
    assert len(list(runtime.vectors.scroll(version, tag=tag))) == total
