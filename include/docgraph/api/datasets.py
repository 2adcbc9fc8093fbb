"""The datasets, and the embedding versions of each."""

from __future__ import annotations

from pydantic import Field

from docgraph.api.base import AnswerModel, RequestModel


class Dataset(AnswerModel):
    """A dataset with its size and last verdict; `ready` is null where none was given yet."""

    tag: str
    documents: int
    sections: int
    embedding_version: str | None
    building: str | None
    ready: bool | None
    report: str | None
    verdict: dict[str, str] | None


class ReembedRequest(RequestModel):
    """The body of `POST …/reembed`: the version to move to, if more than one could be meant."""

    to: str | None = None


class EmbeddingVersionState(AnswerModel):
    """One version: its role (current, building, kept, retiring), its points, its model (null: no server makes it)."""

    version: str
    role: str
    points: int
    model: str | None


class RunState(AnswerModel):
    """A run and its state in Airflow; `absent` where there is none, `unknown` where Airflow can't be asked."""

    run_id: str
    state: str


class Embeddings(AnswerModel):
    """A dataset's embedding versions and how far a move is (`progress`: the hash `ingest:reembed:<tag>`)."""

    tag: str
    embedding_version: str
    building: str | None
    sections: int
    versions: list[EmbeddingVersionState]
    progress: dict[str, str] | None
    run: RunState | None


class ReembeddingStarted(AnswerModel):
    """A run that moves the dataset is live."""

    tag: str
    version: str
    model: str
    run_id: str


class ReembeddingAborted(AnswerModel):
    """The version that was being built is given up and deleted."""

    tag: str
    version: str


class RetiredEmbeddings(AnswerModel):
    """The dataset's points of an earlier version are deleted."""

    tag: str
    version: str
    deleted: int = Field(ge=0)
