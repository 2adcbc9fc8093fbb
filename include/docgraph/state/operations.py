"""Verifications and repairs that a run does: what was asked for, what is told on the way, and what came of it.

An operation is known by its run's id. It ends once: what is told after that is dropped, and a second end changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from docgraph.domain.jobs import now
from docgraph.state import keys
from docgraph.state.events import entries_of
from docgraph.state.server import Server

_RESULT = "result:"


class OperationKind(StrEnum):
    """What is done: compare and change nothing, or repair what differs."""

    VERIFY = "verify"
    REPAIR = "repair"


class OperationStatus(StrEnum):
    """Where an operation stands; `failed` means that it could not be done, not that something was found."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"

    @property
    def is_final(self) -> bool:
        """Whether nothing more will be told."""
        return self in {OperationStatus.COMPLETED, OperationStatus.FAILED}


@dataclass(frozen=True, slots=True)
class OperationState:
    """The hash `ingest:operation:<run_id>`; `results` by dataset, `error` as `{"code", "message"}` where it failed."""

    run_id: str
    kind: OperationKind
    status: OperationStatus
    created_at: str
    finished_at: str
    tags: tuple[str, ...]
    results: Mapping[str, Mapping[str, Any]]
    error: Mapping[str, str] | None
    #: Why a task of the run failed last, whether or not it was done later.
    problem: Mapping[str, str] | None


@dataclass(frozen=True, slots=True)
class OperationEvent:
    """One entry of the stream `ingest:operation-events:<run_id>`, with the entry's id to go on after."""

    entry_id: str
    event: str
    data: Mapping[str, Any]


class Operations:
    """The hashes and streams of operations."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def begin(self, run_id: str, kind: OperationKind, tags: tuple[str, ...]) -> None:
        """Note what a run is to do; repeated, it changes nothing."""
        self._server.script(
            "begin_operation",
            self._keys(run_id),
            (run_id, kind.value, json.dumps(list(tags)), now(), keys.SCHEMA_VERSION),
        )

    def discard(self, run_id: str) -> None:
        """Forget an operation whose run could not be started."""
        self._server.call("DEL", *self._keys(run_id))

    def tell(self, run_id: str, event: str, data: Mapping[str, Any]) -> bool:
        """Append to what is told of an operation; False where it has ended or is not known. The first makes it `running`."""
        return bool(self._server.script("tell_operation", self._keys(run_id), (now(), event, _json(data), "", "")))

    def set_result(self, run_id: str, tag: str, result: Mapping[str, Any]) -> bool:
        """Keep a dataset's result, and tell it; done again by a repeated task, the last one counts."""
        arguments = (now(), "dataset", _json(result), _RESULT + tag, _json(result))
        return bool(self._server.script("tell_operation", self._keys(run_id), arguments))

    def note_problem(self, run_id: str, problem: Mapping[str, str]) -> bool:
        """Keep why a task failed (`{"code", "message"}`), and tell it: Airflow tries again, and the end says it if that fails."""
        data = _json({"error": problem})
        return bool(
            self._server.script(
                "tell_operation", self._keys(run_id), (now(), "problem", data, "problem", _json(problem))
            )
        )

    def end(self, run_id: str, *, equal: bool = False, error: Mapping[str, str] | None = None) -> bool:
        """End an operation, and tell so as its last event; False where it has ended already or is not known."""
        status = OperationStatus.FAILED if error else OperationStatus.COMPLETED
        event, data = ("error", {"error": error}) if error else ("end", {"equal": equal})
        arguments = (now(), status.value, event, _json(data), _json(error) if error else "")
        return bool(self._server.script("end_operation", self._keys(run_id), arguments))

    def get(self, run_id: str) -> OperationState | None:
        """Return an operation; None where there is none, or it was forgotten some days after its end."""
        fields: Mapping[str, str] = self._server.call("HGETALL", keys.operation(run_id))
        if "kind" not in fields:
            return None
        results = {
            name.removeprefix(_RESULT): json.loads(value) for name, value in fields.items() if name.startswith(_RESULT)
        }
        return OperationState(
            run_id=run_id,
            kind=OperationKind(fields["kind"]),
            status=OperationStatus(fields["status"]),
            created_at=fields["created_at"],
            finished_at=fields.get("finished_at", ""),
            tags=tuple(json.loads(fields["tags"])),
            results=results,
            error=_given(fields, "error"),
            problem=_given(fields, "problem"),
        )

    async def read(self, run_id: str, after: str, block_ms: int) -> list[OperationEvent]:
        """Return what was told after an entry (`FROM_START`: all), waiting up to `block_ms` (30 s at most) for the first."""
        streams = await self._server.read_streams_async({keys.operation_events(run_id): after}, block_ms, 100)
        return [
            OperationEvent(str(entry_id), fields["event"], json.loads(fields["data"]))
            for _, entries in streams
            for entry_id, fields in entries_of(entries)
        ]

    def _keys(self, run_id: str) -> list[str]:
        return [keys.operation(run_id), keys.operation_events(run_id)]


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _given(fields: Mapping[str, str], name: str) -> dict[str, str] | None:
    return dict(json.loads(fields[name])) if fields.get(name) else None
