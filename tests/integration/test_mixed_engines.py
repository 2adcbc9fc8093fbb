"""One dataset whose vectors two engines made, of different precision: no false alarm, and what is wrong is still found."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest

from docgraph.domain.documents import Point, embedded_text
from docgraph.domain.identity import document_id
from docgraph.integrity.recompute import recompute
from docgraph.model_servers import Embedder
from docgraph.readiness import audit as auditing
from docgraph.readiness.judgement import judge
from docgraph.runtime.connections import Runtime
from docgraph.settings import Settings
from support.contract.embedder_process import KEY, needs_bf16, running
from support.integration.datasets import run

pytestmark = needs_bf16

#: Each run is one more chance of a false alarm; the two engines take turns.
RUNS = 6
DOCUMENTS = {
    "driver": "# Driver\n\n"
    + "\n".join(
        f"## Where it reads its setting\n\nVersion 2.11.{number} of the driver reads the setting from the environment.\n"
        for number in (3, 4)
    ),
    "guide": "# Guide\n\n## Closing the gate\n\nWhen a store is overloaded the gate closes, and claims wait until it answers.\n\n"
    "## Nightly snapshots\n\nTake a snapshot of the cluster every night and copy it to another region.\n",
    "map": "# Map\n\nThe map shows every harbour and lighthouse of the coast in the colours of their owners.\n",
}


@dataclass(frozen=True)
class Mixed:
    """A dataset, and connections to its stores with an embedding server of each precision."""

    exact: Runtime
    rounded: Runtime
    tag: str

    def sections(self, name: str) -> tuple[str, ...]:
        return self.exact.graph.committed(document_id(self.tag, f"upload:///{name}.md")).generation

    @property
    def embedder(self) -> Embedder:
        return self.exact.embedder.serving(self.exact.embedding_version.name)

    def reasons(self, runtime: Runtime, changed: Sequence[str] = ()) -> list[str]:
        verdict = judge(
            self.tag,
            graph=runtime.graph,
            vectors=runtime.vectors,
            embedder=runtime.embedder,
            config=runtime.config,
            drift=None,
            changed=changed,
        )
        # Nothing is compared here, only computed again.
        return [reason.code for reason in verdict.reasons if reason.code != "verification_incomplete"]


def _runtime(settings: Settings, engine: str) -> Iterator[Runtime]:
    with (
        running("--engine", engine) as url,
        Runtime(replace(settings, embeddings_url=f"{url}/v1", embeddings_api_key=KEY)) as made,
    ):
        yield made


@pytest.fixture(scope="module")
def exact(settings: Settings, session_runtime: Runtime) -> Iterator[Runtime]:
    yield from _runtime(settings, "openvino-fp32")


@pytest.fixture(scope="module")
def rounded(settings: Settings, session_runtime: Runtime) -> Iterator[Runtime]:
    yield from _runtime(settings, "openvino-bf16")


@pytest.fixture
def mixed(exact: Runtime, rounded: Runtime) -> Mixed:
    tag = f"t{uuid.uuid4().hex[:12]}"
    for runtime, names in ((rounded, ("driver", "map")), (exact, ("guide",))):
        report = run(runtime, tag, {name: DOCUMENTS[name] for name in names})
        assert report["ready_for_queries"], report["reasons"]
    return Mixed(exact, rounded, tag)


def test_vectors_of_two_engines_in_one_dataset_raise_no_alarm(mixed: Mixed) -> None:
    assert mixed.exact.embedding_version == mixed.rounded.embedding_version
    stored = mixed.exact.vectors.retrieve(
        mixed.exact.embedding_version, [*mixed.sections("driver"), *mixed.sections("guide")], with_vectors=True
    )
    texts = mixed.exact.graph.sections(list(stored))
    computed = mixed.embedder.embed([embedded_text(texts[i].heading_path, texts[i].text) for i in stored])
    apart = {
        section: float(np.abs(np.asarray(stored[section].vector) - vector).max())
        for section, vector in zip(stored, computed, strict=True)
    }
    # The dataset is mixed indeed.
    assert min(apart[section] for section in mixed.sections("driver")) > 1e-5
    assert max(apart[section] for section in mixed.sections("guide")) < 1e-6
    for number in range(RUNS):
        runtime = (mixed.exact, mixed.rounded)[number % 2]
        report = run(runtime, mixed.tag, {"guide": DOCUMENTS["guide"]})
        assert (report["ready_for_queries"], report["reasons"]) == (True, [])
        engine = report["versions"]["embedding_engine"]
        assert engine == ("openvino fp32", "openvino bf16")[number % 2]
        assert auditing.verify(runtime, mixed.tag, with_vectors=True).comparison.is_equal


def test_two_swapped_vectors_of_similar_texts_are_found_by_either_engine(mixed: Mixed) -> None:
    version = mixed.exact.embedding_version
    similar = [i for i, s in mixed.exact.graph.sections(list(mixed.sections("driver"))).items() if "Version" in s.text]
    assert len(similar) == 2
    points = mixed.exact.vectors.retrieve(version, similar, with_vectors=True)
    one, two = (points[i] for i in similar)
    # Closer than what told vectors apart before there were engines, and with hashes that are sound.
    assert float(np.asarray(one.vector) @ np.asarray(two.vector)) > 0.99
    for to, source in ((one, two), (two, one)):
        swapped = Point(to.section_id, to.document_id, mixed.tag, source.vector or (), to.text_hash, source.vector_hash)
        mixed.exact.vectors.stage(version, [swapped], to.fence + 1)
    for runtime in (mixed.exact, mixed.rounded):
        assert mixed.reasons(runtime, changed=similar) == ["mismatched"]
        found = recompute(runtime.graph, runtime.vectors, runtime.embedder.serving(version.name), similar)
        assert sorted(found.foreign) == sorted(similar)
