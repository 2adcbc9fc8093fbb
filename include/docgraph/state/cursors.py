"""How far each source was settled: a hash a source, address → SHA-256 of the bytes and version in the source's own terms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from docgraph.state import keys
from docgraph.state.server import Server


@dataclass(frozen=True, slots=True)
class Settled:
    """What was settled of one document; `sha256` is empty where the bytes were never had."""

    version: str
    sha256: str = ""


class Cursors:
    """The hashes `ingest:cursor:<source>`; kept until their source is told to forget."""

    def __init__(self, server: Server) -> None:
        """Keep cursors on this server."""
        self._server = server

    def get(self, source: str) -> dict[str, Settled]:
        """Return what was settled of a source, by address."""
        return {uri: _settled(value) for uri, value in dict(self._server.call("HGETALL", keys.cursor(source))).items()}

    def versions(self, source: str) -> dict[str, str]:
        """Return the version of each address that was settled, as a source's `poll` wants it."""
        return {uri: settled.version for uri, settled in self.get(source).items()}

    def has(self, source: str, uri: str) -> bool:
        """Tell whether a document of a source was settled."""
        return bool(self._server.call("HEXISTS", keys.cursor(source), uri))

    def count(self, source: str) -> int:
        """Return how many documents were settled of a source."""
        return int(self._server.call("HLEN", keys.cursor(source)))

    def note(self, source: str, settled: Mapping[str, Settled | None]) -> None:
        """Note what was settled, by address; None: that the document has gone."""
        key = keys.cursor(source)
        present = [part for uri, each in settled.items() if each for part in (uri, f"{each.sha256} {each.version}")]
        gone = [uri for uri, each in settled.items() if each is None]
        commands = [("HSET", key, *present)] * bool(present) + [("HDEL", key, *gone)] * bool(gone)
        if commands:
            self._server.transaction(commands)

    def forget(self, source: str) -> None:
        """Forget a source: all that it has counts as new."""
        self._server.call("DEL", keys.cursor(source))


def _settled(value: str) -> Settled:
    sha256, _, version = value.partition(" ")
    return Settled(version, sha256)
