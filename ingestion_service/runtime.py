"""The sidecar's runtime: its callers wait, so its stores have seconds where a task gives them a minute.

Neo4j's driver retries for half a minute: its store is handed out only while Neo4j answers a probe. Redis and searches of
Qdrant have `STORE_SECONDS`, embedding a question has `EMBED_SECONDS`. Everything else is `docgraph.runtime.connections`'s.
"""

from __future__ import annotations

from functools import cached_property

from docgraph.domain.errors import StoreUnavailableError
from docgraph.runtime.connections import Runtime
from docgraph.settings import Settings
from docgraph.state import State
from docgraph.stores.graph import GraphStore
from docgraph.stores.vectors import VectorStore
from ingestion_service.probes import Prober

#: Seconds that one call of a store may take in a request.
STORE_SECONDS = 4
#: Seconds after which a question is answered by words alone.
EMBED_SECONDS = 2.0


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

    @cached_property
    def state(self) -> State:
        """Redis; a command without an answer is given up."""
        return State.connect(self.settings.redis_url, answer_seconds=STORE_SECONDS)

    @cached_property
    def searched_vectors(self) -> VectorStore:
        """Qdrant as searches use it; what deletes or compares may take longer, and uses `vectors`."""
        return VectorStore(self.settings.qdrant_url, self.settings.qdrant_api_key, timeout_seconds=STORE_SECONDS)

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
        if "searched_vectors" in self.__dict__:
            self.__dict__.pop("searched_vectors").close()
        self._connected_graph.close()
