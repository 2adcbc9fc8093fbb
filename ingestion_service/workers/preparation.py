"""What both stores need before the first document: constraints and indexes in Neo4j, the collection in Qdrant.

Done once as soon as the stores answer, so that the first document doesn't wait for it. A claim makes sure of the same.
"""

from __future__ import annotations

from docgraph.runtime.connections import Runtime


class Preparation:
    """A duty that has nothing left to do after its first success."""

    def __init__(self, runtime: Runtime) -> None:
        """Do nothing yet."""
        self._runtime = runtime
        self._done = False

    def tick(self) -> None:
        """Make schema and collection; a store that isn't up yet is asked again at the next round.

        Raises:
            InfrastructureError: a store or the embedder does not answer.
        """
        if self._done:
            return
        self._runtime.graph.ensure_schema()
        self._runtime.vectors.ensure(self._runtime.embedding_version)
        self._done = True
