#!/usr/bin/env python3
"""Fill a dataset with synthetic documents through the stores, without parsing or embedding: to measure at size.

    DOCGRAPH_HOME=… .venv/bin/python scripts/seed_synthetic.py --tag big --documents 500 --sections 100

The texts are unlike each other and the vectors random, so that search works and finds nothing sensible. Everything else
(ids, hashes, fences, one commit a document) is as the pipeline writes it.
"""

from __future__ import annotations

import argparse
import random
import time
import uuid

import numpy as np

from docgraph.domain.commit import CommitRequest, SectionRow
from docgraph.domain.documents import EmbeddingVersion, Point
from docgraph.domain.identity import document_id, section_id, text_hash, vector_hash
from docgraph.domain.protocol import Attempt, CommitDecision
from docgraph.runtime.connections import Runtime

WORDS = tuple(
    f"{a}{b}{c}" for a in ("ka", "lo", "mi", "ru", "te") for b in ("ban", "dor", "fel", "gis", "hum") for c in "aeiou"
)
POINTS_AT_ONCE = 500


def seed_document(
    runtime: Runtime, version: EmbeddingVersion, tag: str, source_uri: str, sections: int, *, words: int = 60
) -> str:
    """Stage and commit one synthetic document, as the first attempt at it; returns its id."""
    document = document_id(tag, source_uri)
    chance = random.Random(document)  # noqa: S311 - synthetic text, no secret
    rows = [_row(document, number, " ".join(chance.choices(WORDS, k=words))) for number in range(sections)]
    fence = runtime.state.jobs.next_fence(document, runtime.graph.committed(document).fence)
    vectors = np.random.default_rng(chance.getrandbits(64)).standard_normal((sections, version.dimensions))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    points = [
        Point(row.section_id, document, tag, vector.tolist(), row.text_hash, vector_hash(vector.tolist()))
        for row, vector in zip(rows, vectors, strict=True)
    ]
    for start in range(0, sections, POINTS_AT_ONCE):
        runtime.vectors.stage(version, points[start : start + POINTS_AT_ONCE], fence)
    result = runtime.graph.commit(
        CommitRequest(
            attempt=Attempt(document, uuid.uuid4().hex, fence, 1, ()),
            tag=tag,
            source_uri=source_uri,
            job_id="seed",
            checksum="0" * 64,
            pipeline="seed",
            base_pipeline="",
            generation=tuple(row.section_id for row in rows),
            removed=(),
            rows=rows,
            entities={},
            properties={
                "title": source_uri.rpartition("/")[2],
                "content_type": "text/markdown",
                "front_matter": "{}",
                "levels": [2] * sections,
                "starts": list(range(sections)),
                "ends": list(range(1, sections + 1)),
                "anchors": [f"section-{number}" for number in range(sections)],
            },
            staged=frozenset({version.name}),
        )
    )
    if result.decision is not CommitDecision.COMMIT:
        raise SystemExit(f"{source_uri} is in the dataset already ({result.decision}); name another tag.")
    return document


def _row(document: str, number: int, text: str) -> SectionRow:
    path = ("Synthetic", f"Section {number}")
    return SectionRow(section_id(document, path, text, 0), path, text, text_hash(path, text), 0, "")


def main() -> None:
    """Seed as the command line says, and print how long it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tag", required=True)
    parser.add_argument("--documents", type=int, default=500)
    parser.add_argument("--sections", type=int, default=100, help="sections of each document")
    parser.add_argument("--once", action="store_true", help="change nothing where the dataset has documents")
    options = parser.parse_args()
    start = time.monotonic()
    with Runtime.load() as runtime:
        version = runtime.embedding_version
        runtime.graph.ensure_schema()
        if options.once and runtime.graph.counts(options.tag)["documents"]:
            print(f"{options.tag} is there already")
            return
        runtime.graph.ensure_dataset(options.tag, version.name)
        runtime.vectors.ensure(version)
        for number in range(options.documents):
            seed_document(runtime, version, options.tag, f"upload:///synthetic/{number}.md", options.sections)
    total = options.documents * options.sections
    print(
        f"{total:,} sections in {options.documents:,} documents under {options.tag}: {time.monotonic() - start:.0f} s"
    )


if __name__ == "__main__":
    main()
