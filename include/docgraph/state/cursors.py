"""How far each source was settled: a hash a source, address → version."""

from __future__ import annotations

from docgraph.state import keys
from docgraph.state.server import Server


class Cursors:
    """The hashes `ingest:cursor:<source>`; kept until their source is told to forget."""

    def __init__(self, server: Server) -> None:
        """Keep cursors on this server."""
        self._server = server

    def get(self, source: str) -> dict[str, str]:
        """Return what was settled of a source."""
        return dict(self._server.call("HGETALL", keys.cursor(source)))

    def note(self, source: str, uri: str, version: str | None) -> None:
        """Note that a version was settled; None: that the document has gone."""
        if version is None:
            self._server.call("HDEL", keys.cursor(source), uri)
        else:
            self._server.call("HSET", keys.cursor(source), uri, version)
