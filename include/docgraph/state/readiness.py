"""The last verdict on each dataset, where a health check finds it without asking the stores."""

from __future__ import annotations

from collections.abc import Mapping

from docgraph.domain.errors import StateUnreadableError
from docgraph.domain.verdict import LastVerdict
from docgraph.state import keys
from docgraph.state.server import Server


class Readiness:
    """The hashes `ingest:ready:<tag>`."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def set(self, tag: str, fields: Mapping[str, str]) -> None:
        """Replace the verdict on a dataset by `fields`."""
        key = keys.ready(tag)
        values = [part for name, value in fields.items() for part in (name, value)]
        self._server.transaction(
            [
                ("DEL", key),
                ("HSET", key, *values, "v", str(keys.SCHEMA_VERSION)),
                ("SADD", keys.INDEX_READY, tag),
            ]
        )

    def get(self, tag: str) -> LastVerdict | None:
        """Return the last verdict on a dataset; None where none was given."""
        return _verdict(self._server.call("HGETALL", keys.ready(tag)))

    def all(self) -> dict[str, LastVerdict]:
        """Return the last verdict on every dataset that has one, by tag."""
        tags = sorted(self._server.call("SMEMBERS", keys.INDEX_READY))
        answers = self._server.call_each([("HGETALL", keys.ready(tag)) for tag in tags])
        # A dataset whose key holds something else has no verdict; the others keep theirs.
        verdicts = {
            tag: _verdict(answer)
            for tag, answer in zip(tags, answers, strict=True)
            if not isinstance(answer, StateUnreadableError)
        }
        return {tag: verdict for tag, verdict in verdicts.items() if verdict is not None}


def _verdict(fields: Mapping[str, str]) -> LastVerdict | None:
    known = {name: value for name, value in fields.items() if name != "v"}
    return LastVerdict(known) if known else None
