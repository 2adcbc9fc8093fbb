"""Comparing and repairing datasets: what is asked for, what is told on the way, and what came of it."""

from __future__ import annotations

from pydantic import Field

from docgraph.api.base import AnswerModel, Milliseconds, RequestModel, Share
from docgraph.api.errors import Error
from docgraph.api.reports import Reason

MAX_DOCUMENTS = 1_000


class RepairRequest(RequestModel):
    """What to look at: a dataset, documents (addresses or ids, in one dataset or wherever they are), or all datasets."""

    tag: str | None = None
    documents: list[str] = Field(default_factory=list, max_length=MAX_DOCUMENTS)
    all: bool = False


class VerifyRequest(RepairRequest):
    """The body of `POST /v1/verify`; `vectors` reads all vectors and texts back and hashes them."""

    vectors: bool = False


class Finding(AnswerModel):
    """How many ids of one kind were found, and the first of them."""

    count: int
    ids: list[str]


class Fulltext(AnswerModel):
    """How many sections the full-text index finds of those that the graph has."""

    nodes: int
    indexed: int
    in_step: bool


class Verification(AnswerModel):
    """What comparing a dataset, or some of its documents, found; `fulltext` is null where it was not looked at."""

    tag: str
    scope: str
    equal: bool
    drift_pct: Share
    sections: int
    vectors: int
    findings: dict[str, Finding]
    documents: list[str]
    documents_affected: int
    fulltext: Fulltext | None
    embedding_version: str
    served_version: str
    seconds: Milliseconds


class RepairedDocument(AnswerModel):
    """What was found at one document, and done about it; `error` says why something is left."""

    document_id: str
    source_uri: str
    found: dict[str, int]
    rebuilt: bool
    restaged: int
    removed: int
    error: str


class Repair(AnswerModel):
    """A repair from end to end: before, what was done, after, and the verdict that follows."""

    tag: str
    equal: bool
    before: Verification
    after: Verification
    documents: list[RepairedDocument]
    fulltext_rebuilt: bool
    ready: bool
    reasons: list[Reason]
    report: str


class Operation(AnswerModel):
    """A verification or repair: queued, running, completed or failed, with a result for each dataset that is done.

    `run_id` is null where it was done at once. `equal` is null until it has completed; `error` says why it failed.
    """

    run_id: str | None
    operation: str
    status: str
    tags: list[str]
    created_at: str
    finished_at: str
    equal: bool | None
    datasets: list[Repair | Verification]
    error: Error | None


class OperationProgress(AnswerModel):
    """How far a step (compare, repair, document, fulltext) is in a dataset: the data of `event: progress`."""

    tag: str
    step: str
    done: int = 0
    total: int = 0
    unit: str = ""
