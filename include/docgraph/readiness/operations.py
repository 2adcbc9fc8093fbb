"""Verifying and repairing datasets as a run: what its tasks do. What is told on the way is in Redis, where anybody may follow it.

The run outlives the process that asked for it: the service and its clients only read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from docgraph.domain.errors import DocgraphError, EmbeddingVersionError, InfrastructureError
from docgraph.readiness import audit as auditing
from docgraph.runtime.connections import Runtime
from docgraph.runtime.failpoints import failpoint
from docgraph.state import OperationKind, OperationState

VERIFY_DAG = "verify_datasets"


@dataclass(frozen=True, slots=True)
class Target:
    """A dataset, or some of its documents."""

    tag: str
    document_ids: tuple[str, ...] | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the form in a run's configuration."""
        return {"tag": self.tag, "document_ids": None if self.document_ids is None else list(self.document_ids)}

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Target:
        """Read it from a run's configuration."""
        ids: Sequence[str] | None = raw.get("document_ids")
        return cls(str(raw["tag"]), None if ids is None else tuple(ids))


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What a run came to: whether all datasets are equal, or why that is not known."""

    equal: bool
    error: Mapping[str, str] | None

    @property
    def sentence(self) -> str:
        """Say it to who looks at the run."""
        if self.error is not None:
            return self.error["message"]
        return (
            "Graph, full-text index and vectors are equal." if self.equal else "Graph and vectors differ in a dataset."
        )


def begin(runtime: Runtime, run_id: str, kind: OperationKind, targets: Sequence[Target]) -> list[Target]:
    """Note what the run is to do, unless who started it did; returns its targets in the order of their tags."""
    ordered = sorted(targets, key=lambda target: target.tag)
    runtime.state.operations.begin(run_id, kind, tuple(target.tag for target in ordered))
    return ordered


def work_on(runtime: Runtime, run_id: str, kind: OperationKind, target: Target, *, with_vectors: bool) -> bool:
    """Verify or repair one dataset, and keep the result; returns whether it is equal. Repeated, it is done anew.

    Raises:
        InfrastructureError: a store or the embedding server can't be reached; what was repaired until then stays.
    """
    operations = runtime.state.operations

    def say(event: Mapping[str, Any]) -> None:
        operations.tell(run_id, "progress", {"tag": target.tag, **event})
        failpoint("operation.progress")

    try:
        if kind is OperationKind.VERIFY:
            found = auditing.verify(runtime, target.tag, target.document_ids, with_vectors=with_vectors, say=say)
            result, equal = found.as_json(), found.is_equal
        else:
            done = auditing.repair(runtime, target.tag, target.document_ids, say=say, run_id=run_id, dag_id=VERIFY_DAG)
            result, equal = done.as_json(), done.after.is_equal
    except DocgraphError as error:
        operations.note_problem(run_id, problem_of(error))
        raise
    operations.set_result(run_id, target.tag, result)
    return equal


def finish(runtime: Runtime, run_id: str) -> Conclusion:
    """End the operation with what its datasets' results say; a dataset without one is an error. Repeated, it says the same."""
    state = runtime.state.operations.get(run_id)
    if state is None:
        return Conclusion(
            False, {"code": "operation_unknown", "message": f"Nothing is known of what {run_id} was to do."}
        )
    conclusion = _conclusion(state)
    runtime.state.operations.end(run_id, equal=conclusion.equal, error=conclusion.error)
    return conclusion


def _conclusion(state: OperationState) -> Conclusion:
    missing = [tag for tag in state.tags if tag not in state.results]
    if missing:
        unknown = {
            "code": "internal_error",
            "message": f"The run {state.run_id} failed at {missing[0]}; the log of its task in Airflow has the trace.",
        }
        return Conclusion(False, state.problem or unknown)
    return Conclusion(all(bool(result["equal"]) for result in state.results.values()), None)


def problem_of(error: DocgraphError) -> dict[str, str]:
    """Return an error as it is told: a code and a sentence."""
    if isinstance(error, EmbeddingVersionError):
        code = "wrong_embedding_version"
    elif isinstance(error, InfrastructureError):
        code = "store_unavailable"
    else:
        code = str(getattr(error, "code", "failed"))
    return {"code": code, "message": str(error)}
