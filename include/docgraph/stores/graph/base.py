"""The connection to Neo4j that the modules of the graph store share, and how its errors become ours."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import neo4j
from docgraph.domain.errors import DocumentTooLargeError, InfrastructureError, StoreUnavailableError
from docgraph.domain.waits import NEO4J, waiting_for
from docgraph.stores.graph.stillness import Restlessness, Stillness
from neo4j import exceptions as neo4j_errors

P = ParamSpec("P")
R = TypeVar("R")

#: Seconds a managed transaction is repeated after transient errors (deadlocks between documents that share entities).
RETRY_SECONDS = 30.0
#: The driver's own pauses double, up to more than half a minute: a server that is back would be left waiting for that long.
FIRST_PAUSE_SECONDS = 0.2
PAUSE_GROWTH = 1.25


def translated(function: Callable[P, R]) -> Callable[P, R]:
    """Turn the driver's errors into ours; errors of ours pass through."""

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            with waiting_for(NEO4J):
                return function(*args, **kwargs)
        except neo4j_errors.AuthError as error:
            raise StoreUnavailableError(
                "Neo4j refuses the user or password; check DOCGRAPH_NEO4J_USER and DOCGRAPH_NEO4J_PASSWORD (`make env`)."
            ) from error
        except (neo4j_errors.ServiceUnavailable, neo4j_errors.SessionExpired, OSError) as error:
            raise StoreUnavailableError(
                f"Neo4j can't be reached: {error}. Check `make status` and Neo4j's log."
            ) from error
        except neo4j_errors.Neo4jError as error:
            if error.code == "Neo.TransientError.General.MemoryPoolOutOfMemoryError":
                raise DocumentTooLargeError(
                    "The document's change does not fit into one Neo4j transaction; raise the heap or split the document."
                ) from error
            raise InfrastructureError(f"Neo4j refused a statement ({error.code}): {error.message}") from error

    return wrapper


class Base:
    """Holds the driver; the other classes of this package add what is said with it."""

    def __init__(self, uri: str, user: str, password: str) -> None:
        self._uri = uri
        self.restlessness = Restlessness()
        self._driver = neo4j.GraphDatabase.driver(
            uri,
            auth=(user, password),
            max_transaction_retry_time=RETRY_SECONDS,
            initial_retry_delay=FIRST_PAUSE_SECONDS,
            retry_delay_multiplier=PAUSE_GROWTH,
            connection_acquisition_timeout=30.0,
            connection_timeout=5.0,
            # An empty database has none of our labels yet; each statement would log a warning.
            notifications_min_severity="OFF",
            user_agent="docgraph",
        )

    def close(self) -> None:
        """Close all connections."""
        self._driver.close()

    def ping(self) -> float:
        """Return the seconds that the smallest statement takes.

        Raises:
            StoreUnavailableError: no answer.
        """
        start = time.monotonic()
        self._read("RETURN 1 AS one")
        return time.monotonic() - start

    @translated
    def _read(self, query: str, **parameters: Any) -> list[dict[str, Any]]:
        """Run one reading statement in a transaction of its own."""
        records, _, _ = self._driver.execute_query(query, parameters_=parameters, routing_=neo4j.RoutingControl.READ)
        return [record.data() for record in records]

    @translated
    def _read_at(self, stillness: Stillness | None, query: str, **parameters: Any) -> list[dict[str, Any]]:
        """Run one reading statement in a transaction of its own, after all that `stillness` asks for; note what it saw."""
        if stillness is None:
            return self._read(query, **parameters)

        def work(tx: neo4j.ManagedTransaction) -> list[dict[str, Any]]:
            return tx.run(query, parameters).data()

        with self._driver.session(default_access_mode=neo4j.READ_ACCESS, bookmarks=stillness.bookmarks) as session:
            rows = session.execute_read(work)
            stillness.saw(session.last_bookmarks())
        return rows

    def mark(self, stillness: Stillness) -> None:
        """Note the state of the database at this moment, and start a row of statements there."""
        self._read_at(stillness, "RETURN 1 AS one")
        stillness.begin()

    @translated
    def _write(self, query: str, **parameters: Any) -> list[dict[str, Any]]:
        """Run one writing statement in a managed transaction of its own."""
        records, _, _ = self._driver.execute_query(query, parameters_=parameters)
        return [record.data() for record in records]
