"""How far a dataset's move to another embedding version is, for those who wait for it. What *is*, the graph says."""

from __future__ import annotations

from collections.abc import Mapping

from docgraph.domain.jobs import now
from docgraph.state import keys
from docgraph.state.server import Server


class Reembeddings:
    """The hashes `ingest:reembed:<tag>`."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def begin(self, tag: str, fields: Mapping[str, str]) -> None:
        """Forget an earlier move of the dataset, and note `fields` of the one that begins."""
        key = keys.reembed(tag)
        self._server.transaction([("DEL", key), ("HSET", key, *_flat(fields), "v", str(keys.SCHEMA_VERSION))])

    def note(self, tag: str, fields: Mapping[str, str]) -> None:
        """Replace some of the fields."""
        self._server.call("HSET", keys.reembed(tag), *_flat(fields))

    def get(self, tag: str) -> dict[str, str] | None:
        """Return what is known of the dataset's last move; None where there was none."""
        fields: Mapping[str, str] = self._server.call("HGETALL", keys.reembed(tag))
        return {name: value for name, value in fields.items() if name != "v"} or None


def _flat(fields: Mapping[str, str]) -> list[str]:
    return [part for pair in {**fields, "at": now()}.items() for part in pair]
