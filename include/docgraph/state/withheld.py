"""Deletions that wait for a person: a hash a source, replaced when what is missing from the source is something else."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from docgraph.domain.jobs import now
from docgraph.state import keys
from docgraph.state.server import Server


class Decision(StrEnum):
    """What was decided on withheld deletions."""

    WAITING = "waiting"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Withheld:
    """Documents whose originals have gone from a source and that stay, because they are too many to go unasked."""

    source: str
    #: Of the plan that removes them: an answer is an answer to this plan only.
    plan_id: str
    #: Dataset by address.
    removed: Mapping[str, str]
    #: How many documents were known of the source.
    known: int
    since: str = ""
    decision: Decision = Decision.WAITING
    #: Who refused, as Airflow names people; empty where the time to answer ran out.
    decided_by: str = ""

    @property
    def tags(self) -> Mapping[str, int]:
        """How many documents of each dataset."""
        return Counter(self.removed.values())


class Withholdings:
    """The hashes `ingest:withheld:<source>`."""

    def __init__(self, server: Server) -> None:
        """Keep them on this server."""
        self._server = server

    def get(self, source: str) -> Withheld | None:
        """Return what is withheld of a source."""
        fields: Mapping[str, str] = self._server.call("HGETALL", keys.withheld(source))
        return _withheld(source, fields) if fields else None

    def all(self) -> list[Withheld]:
        """Return what is withheld of any source, by its name."""
        if not (sources := sorted(self._server.call("SMEMBERS", keys.INDEX_WITHHELD))):
            return []
        answers = self._server.call_many([("HGETALL", keys.withheld(source)) for source in sources])
        return [_withheld(source, fields) for source, fields in zip(sources, answers, strict=True) if fields]

    def set(self, withheld: Withheld) -> Withheld:
        """Withhold; returns what is withheld now: where it is the same plan, with when it began and what was decided on it."""
        key = keys.withheld(withheld.source)
        if (before := self.get(withheld.source)) is not None and before.plan_id == withheld.plan_id:
            return before
        withheld = replace(withheld, since=withheld.since or now())
        fields = {
            "v": str(keys.SCHEMA_VERSION),
            "plan_id": withheld.plan_id,
            "removed": json.dumps(dict(withheld.removed), ensure_ascii=False, separators=(",", ":")),
            "known": str(withheld.known),
            "since": withheld.since,
            "decision": withheld.decision.value,
            "decided_by": withheld.decided_by,
        }
        values = [part for name, value in fields.items() for part in (name, value)]
        self._server.transaction([("DEL", key), ("HSET", key, *values), ("SADD", keys.INDEX_WITHHELD, withheld.source)])
        return withheld

    def refuse(self, source: str, plan_id: str, decided_by: str) -> bool:
        """Note that a person, or nobody in time, refused a plan; returns False where it is no longer what is withheld."""
        key = keys.withheld(source)
        if self._server.call("HGET", key, "plan_id") != plan_id:
            return False
        self._server.call("HSET", key, "decision", Decision.REFUSED.value, "decided_by", decided_by)
        return True

    def end(self, source: str) -> None:
        """Withhold nothing of a source any longer."""
        self._server.transaction([("DEL", keys.withheld(source)), ("SREM", keys.INDEX_WITHHELD, source)])


def _withheld(source: str, fields: Mapping[str, str]) -> Withheld:
    return Withheld(
        source=source,
        plan_id=fields["plan_id"],
        removed=json.loads(fields["removed"]),
        known=int(fields["known"]),
        since=fields["since"],
        decision=Decision(fields["decision"]),
        decided_by=fields["decided_by"],
    )


def awaited(cursor: Mapping[str, str], withheld: Withheld | None) -> dict[str, str]:
    """Return a cursor for a source's `poll`: that withheld documents are gone is known, and wakes nobody again."""
    removed = withheld.removed if withheld else {}
    return {uri: version for uri, version in cursor.items() if uri not in removed}
