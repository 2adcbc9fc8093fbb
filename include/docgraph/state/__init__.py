"""All of Redis: jobs and their states, progress, the gate, verdicts and leases. No other package knows a key or sends a command."""

from __future__ import annotations

from docgraph.state.cursors import Cursors, Settled
from docgraph.state.events import FROM_START, Events, is_entry_id
from docgraph.state.gate import Gate, GateState
from docgraph.state.jobs import Jobs
from docgraph.state.lease import Lease
from docgraph.state.liveness import Heartbeat, Liveness, Movement, RunningJob
from docgraph.state.operations import OperationEvent, OperationKind, Operations, OperationState, OperationStatus
from docgraph.state.quarantine import Quarantine, SetAside
from docgraph.state.readiness import Readiness
from docgraph.state.records import Checkpoint, Enqueued, StreamEntry, UnreadableJob
from docgraph.state.reembeddings import Reembeddings
from docgraph.state.server import EVENTS_TTL_SECONDS, Server
from docgraph.state.withheld import Decision, Withheld, Withholdings, awaited

__all__ = [
    "FROM_START",
    "Checkpoint",
    "Cursors",
    "Decision",
    "Enqueued",
    "Events",
    "Gate",
    "GateState",
    "Heartbeat",
    "Jobs",
    "Lease",
    "Liveness",
    "Movement",
    "OperationEvent",
    "OperationKind",
    "OperationState",
    "OperationStatus",
    "Operations",
    "Quarantine",
    "Readiness",
    "Reembeddings",
    "RunningJob",
    "SetAside",
    "Settled",
    "State",
    "StreamEntry",
    "UnreadableJob",
    "Withheld",
    "Withholdings",
    "awaited",
    "is_entry_id",
]


class State:
    """Everything that docgraph has in Redis. May be shared by threads; after a fork it opens connections of its own."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.jobs = Jobs(server)
        self.events = Events(server)
        self.gate = Gate(server)
        self.readiness = Readiness(server)
        self.reembeddings = Reembeddings(server)
        self.operations = Operations(server)
        self.cursors = Cursors(server)
        self.withheld = Withholdings(server)
        self.quarantine = Quarantine(server)
        self.liveness = Liveness(server)

    @classmethod
    def connect(
        cls, redis_url: str, *, events_ttl_seconds: int = EVENTS_TTL_SECONDS, answer_seconds: float | None = None
    ) -> State:
        """Prepare the state at `redis_url`; the first question opens the connection.

        `answer_seconds` is how long a command may stay without an answer, for those whose callers wait.

        Raises:
            ConfigurationError: the address is none of Redis.
        """
        return cls(Server(redis_url, events_ttl_seconds=events_ttl_seconds, answer_seconds=answer_seconds))

    @property
    def address(self) -> str:
        """Host, port and database, without credentials."""
        return self._server.address

    def lease(self, name: str, ttl_seconds: float) -> Lease:
        """Return a lease on `name`, not yet taken."""
        return Lease(self._server, name, ttl_seconds)

    def ping(self) -> float:
        """Return the seconds that an answer takes; one try, two seconds at most.

        Raises:
            StoreUnavailableError: no answer.
        """
        return self._server.ping()

    def close(self) -> None:
        """Close the connections of the synchronous half."""
        self._server.close()

    async def aclose(self) -> None:
        """Close the connections that the running event loop has."""
        await self._server.aclose()
