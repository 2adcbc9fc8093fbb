"""What was set aside because nothing could be made of it: entries of the stream as they came, each with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from docgraph.domain.quarantine import Door
from docgraph.state import keys
from docgraph.state.server import Server

_LISTED = 10_000


@dataclass(frozen=True, slots=True)
class SetAside:
    """One thing that was set aside: what, why, since when (RFC 3339), and what it held."""

    id: str
    door: Door
    name: str
    code: str
    reason: str
    at: str = ""
    #: The failed job that stands for it, if any.
    job_id: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)


class Quarantine:
    """The hashes `ingest:quarantine:<id>`; retention removes them with the ended jobs of their age."""

    def __init__(self, server: Server) -> None:
        """Keep it on this server."""
        self._server = server

    def all(self) -> list[SetAside]:
        """Return what was set aside, newest first (10,000 at most)."""
        ids = self._server.call("ZREVRANGE", keys.INDEX_QUARANTINE, 0, _LISTED - 1)
        answers = self._server.call_many([("HGETALL", keys.quarantine(each)) for each in ids])
        return [_set_aside(fields) for fields in answers if fields]

    def get(self, id_: str) -> SetAside | None:
        """Return one thing that was set aside; None where there is no such."""
        fields: Mapping[str, str] = self._server.call("HGETALL", keys.quarantine(id_))
        return _set_aside(fields) if fields else None

    def retry(self, id_: str) -> bool:
        """Put an entry back into the stream, as it came, and forget its failed job; False: there is no such."""
        return bool(self._server.script("release", [keys.quarantine(id_)], (id_, "retry")))

    def drop(self, id_: str) -> bool:
        """Remove it for good; the failed job stays. False: there is no such."""
        return bool(self._server.script("release", [keys.quarantine(id_)], (id_, "drop")))

    def purge(self, older_than_seconds: float) -> int:
        """Remove what was set aside longer ago than this; return how many."""
        seconds, microseconds = self._server.call("TIME")
        before = int(seconds) * 1_000_000 + int(microseconds) - int(older_than_seconds * 1_000_000)
        return sum(
            self.drop(each) for each in self._server.call("ZRANGE", keys.INDEX_QUARANTINE, "-inf", before, "BYSCORE")
        )


def _set_aside(fields: Mapping[str, str]) -> SetAside:
    return SetAside(
        id=fields.get("id", ""),
        door=Door(fields.get("door", Door.STREAM)),
        name=fields.get("name", ""),
        code=fields.get("code", ""),
        reason=fields.get("reason", ""),
        at=fields.get("at", ""),
        job_id=fields.get("job_id", ""),
        fields={
            name.removeprefix(keys.ENTRY_FIELD_PREFIX): value
            for name, value in fields.items()
            if name.startswith(keys.ENTRY_FIELD_PREFIX)
        },
    )
