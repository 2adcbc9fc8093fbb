"""The sidecar's runtime: its graph store is handed out only while Neo4j answers a probe.

Neo4j's driver retries for half a minute. A task may wait that long; a request may not, nor may a few of them hold all
threads while all others wait for one. Everything else is `docgraph.runtime.connections`'s.
"""

from __future__ import annotations

from functools import cached_property

from docgraph.domain.errors import StoreUnavailableError
from docgraph.runtime.connections import Runtime
from docgraph.settings import Settings
from docgraph.stores.graph import GraphStore
from ingestion_service.probes import Prober


class ServiceRuntime(Runtime):
    """A runtime that says at once that Neo4j is unavailable; `prober` asks all stores."""

    def __init__(self, settings: Settings, *, patience: float = 1.5) -> None:
        """Prepare the connections; `patience` is how many seconds Neo4j may take to answer the probe."""
        super().__init__(settings)
        self._patience = patience
        self.prober = Prober(
            {
                "redis": self.state.ping,
                "neo4j": self._connected_graph.ping,
                "qdrant": self.vectors.ping,
                "embedder": self.embedder.first.ping,
            }
        )
        for client in self.embedder.clients[1:]:
            self.prober.add("second_embedder", client.ping)

    @property
    def graph(self) -> GraphStore:
        """Neo4j, which has answered a probe: one for each request, one for each use outside of requests.

        Raises:
            StoreUnavailableError: it did not answer the probe.
        """
        if error := self.prober.check("neo4j", timeout=self._patience):
            raise StoreUnavailableError(f"Neo4j is unavailable ({error}). Check `make status` and Neo4j's log.")
        return self._connected_graph

    @cached_property
    def _connected_graph(self) -> GraphStore:
        return GraphStore(self.settings.neo4j_uri, self.settings.neo4j_user, self.settings.neo4j_password)

    def close(self) -> None:
        """Close whatever was connected."""
        super().close()
        self._connected_graph.close()
