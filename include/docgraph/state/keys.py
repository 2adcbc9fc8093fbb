"""The name of every key that docgraph has in Redis, in this one place; what they hold is `docs/reference/redis-contracts.md`.

The names are a contract: other programs add to `ingest:jobs` and read the hashes. The Lua scripts get them from here too
(`lua_constants`), so that no name is written twice. Scripts derive the keys of other jobs (the one that is superseded),
so a Redis Cluster can't hold them; one server, with replicas or Sentinel as wanted, can.
"""

from __future__ import annotations

from docgraph.domain.jobs import JobStatus

#: Schema version of every hash, in its field `v`; a newer one is refused.
SCHEMA_VERSION = 1

JOBS = "ingest:jobs"
CONSUMER_GROUP = "docgraph"
GATE = "ingest:gate"
#: Hash of the last sign of life of each duty and each watched source.
HEARTBEATS = "ingest:heartbeats"

STATE_PREFIX = "ingest:state:"
DOCUMENT_PREFIX = "ingest:document:"
CHECKPOINT_PREFIX = "ingest:checkpoint:"
EVENTS_PREFIX = "ingest:events:"
READY_PREFIX = "ingest:ready:"
REEMBED_PREFIX = "ingest:reembed:"
OPERATION_PREFIX = "ingest:operation:"
OPERATION_EVENTS_PREFIX = "ingest:operation-events:"
RUN_PREFIX = "ingest:run:"
LEASE_PREFIX = "ingest:lease:"
CURSOR_PREFIX = "ingest:cursor:"
WITHHELD_PREFIX = "ingest:withheld:"
QUARANTINE_PREFIX = "ingest:quarantine:"

#: Sorted sets of job ids, scored by the microsecond at which the job was first enqueued.
INDEX_ALL = "ingest:index:jobs"
INDEX_TAG_PREFIX = "ingest:index:tag:"
INDEX_STATUS_PREFIX = "ingest:index:status:"
INDEX_TAG_STATUS_PREFIX = "ingest:index:tag-status:"
#: Sorted set of the jobs in a final status, scored by the microsecond at which they ended: what retention walks.
INDEX_FINISHED = "ingest:index:finished"
#: Set of the tags that have a verdict.
INDEX_READY = "ingest:index:ready"
#: Set of the sources of which deletions are withheld.
INDEX_WITHHELD = "ingest:index:withheld"

#: Sorted set of what was set aside, scored by the microsecond at which it was.
INDEX_QUARANTINE = "ingest:index:quarantine"

#: Field prefix of what an entry held that was set aside.
ENTRY_FIELD_PREFIX = "field:"
#: Field prefix of a job's counts in its state hash.
COUNT_FIELD_PREFIX = "count:"


def state(job_id: str) -> str:
    """Return the key of a job's state hash."""
    return STATE_PREFIX + job_id


def document(document_id: str) -> str:
    """Return the key of what is known of a document: newest version, checksum and job, and the fence counter."""
    return DOCUMENT_PREFIX + document_id


def checkpoint(job_id: str) -> str:
    """Return the key of a job's checkpoints, one field a stage."""
    return CHECKPOINT_PREFIX + job_id


def events(job_id: str) -> str:
    """Return the key of a job's stream of progress."""
    return EVENTS_PREFIX + job_id


def ready(tag: str) -> str:
    """Return the key of a dataset's last verdict."""
    return READY_PREFIX + tag


def reembed(tag: str) -> str:
    """Return the key of how far a dataset's move to another embedding version is."""
    return REEMBED_PREFIX + tag


def operation(run_id: str) -> str:
    """Return the key of a verification or repair that a run does."""
    return OPERATION_PREFIX + run_id


def operation_events(run_id: str) -> str:
    """Return the key of the stream of what is told of such an operation."""
    return OPERATION_EVENTS_PREFIX + run_id


def run(run_id: str) -> str:
    """Return the key of the set of jobs that a run holds."""
    return RUN_PREFIX + run_id


def lease(name: str) -> str:
    """Return the key of a lease."""
    return LEASE_PREFIX + name


def cursor(source: str) -> str:
    """Return the key of what was settled of a source: a field an address, with the SHA-256 of the bytes and the version."""
    return CURSOR_PREFIX + source


def withheld(source: str) -> str:
    """Return the key of the deletions of a source that wait for a person."""
    return WITHHELD_PREFIX + source


def quarantine(entry: str) -> str:
    """Return the key of something that was set aside."""
    return QUARANTINE_PREFIX + entry


def index(tag: str | None = None, status: JobStatus | None = None) -> str:
    """Return the key of the sorted set that answers a question for jobs by tag, by status, by both or by neither."""
    if tag is not None and status is not None:
        return f"{INDEX_TAG_STATUS_PREFIX}{tag}:{status.value}"
    if tag is not None:
        return INDEX_TAG_PREFIX + tag
    if status is not None:
        return INDEX_STATUS_PREFIX + status.value
    return INDEX_ALL


def lua_constants(**extra: str | int) -> str:
    """Return the names as Lua locals, to stand before each script; `extra` adds limits."""
    names: dict[str, str | int] = {
        "SCHEMA_VERSION": SCHEMA_VERSION,
        "JOBS": JOBS,
        "CONSUMER_GROUP": CONSUMER_GROUP,
        "STATE": STATE_PREFIX,
        "DOCUMENT": DOCUMENT_PREFIX,
        "CHECKPOINT": CHECKPOINT_PREFIX,
        "EVENTS": EVENTS_PREFIX,
        "RUN": RUN_PREFIX,
        "INDEX_ALL": INDEX_ALL,
        "INDEX_TAG": INDEX_TAG_PREFIX,
        "INDEX_STATUS": INDEX_STATUS_PREFIX,
        "INDEX_TAG_STATUS": INDEX_TAG_STATUS_PREFIX,
        "INDEX_FINISHED": INDEX_FINISHED,
        "INDEX_QUARANTINE": INDEX_QUARANTINE,
        "QUARANTINE": QUARANTINE_PREFIX,
        "FIELD": ENTRY_FIELD_PREFIX,
        "COUNT": COUNT_FIELD_PREFIX,
        **extra,
    }
    return "".join(
        f"local {name} = {value}\n" if isinstance(value, int) else f"local {name} = '{value}'\n"
        for name, value in names.items()
    )
