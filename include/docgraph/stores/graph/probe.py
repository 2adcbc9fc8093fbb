"""One bounded question to a Neo4j that may not be up yet, by those who wait for it."""

from __future__ import annotations

import neo4j
from docgraph.domain.errors import StoreUnavailableError
from neo4j import exceptions as neo4j_errors


def probe(uri: str, user: str, password: str, timeout_seconds: float) -> None:
    """Connect, log in and ask the server whether it takes statements; one try, unlike `GraphStore.ping`.

    Raises:
        StoreUnavailableError: it doesn't, for the driver's own reason.
    """
    try:
        with neo4j.GraphDatabase.driver(
            uri,
            auth=(user, password),
            connection_timeout=timeout_seconds,
            connection_acquisition_timeout=timeout_seconds,
            max_transaction_retry_time=0,
        ) as driver:
            driver.verify_connectivity()
    except (neo4j_errors.DriverError, neo4j_errors.Neo4jError) as error:
        raise StoreUnavailableError(str(error)) from error
