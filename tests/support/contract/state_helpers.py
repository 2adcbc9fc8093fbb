"""Builders and a check of everything that must hold between the keys, for the contract tests of the state."""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
from collections.abc import Mapping

import redis

from docgraph.domain.jobs import Job, JobStatus, Operation, Outcome, new_job_id, now
from docgraph.state import State, keys

TAG = "handbook"
RUN = "ingest__handbook__1"
_numbers = itertools.count()


def new_job(uri: str = "", checksum: str = "", *, tag: str = TAG, op: Operation = Operation.UPSERT) -> Job:
    """Return a request; without an address, one for a document of its own."""
    number = next(_numbers)
    return Job(
        job_id=new_job_id(),
        source_uri=uri or f"upload:///page-{number}.md",
        content_type="text/markdown",
        checksum=checksum or f"{number:064x}",
        tag=tag,
        created_at=now(),
        op=op,
        size=100,
    )


def queued(state: State, uri: str = "", checksum: str = "", *, tag: str = TAG) -> str:
    """Enqueue a request and return its job id."""
    return state.jobs.enqueue(new_job(uri, checksum, tag=tag)).job_id


def running(state: State, run_id: str = RUN) -> str:
    """Return the id of a job that runs under `run_id`."""
    job_id = queued(state)
    assert job_id in [each.job.job_id for each in state.jobs.claim(run_id, tag=TAG, job_ids=[job_id])]
    return job_id


def in_status(state: State, status: JobStatus) -> str:
    """Return the id of a job in this status, under `RUN` where it ever ran."""
    if status is JobStatus.QUEUED:
        return queued(state)
    job_id = running(state)
    match status:
        case JobStatus.PAUSED:
            assert state.jobs.pause(job_id, RUN, "the gate is closed")
        case JobStatus.COMPLETED:
            assert state.jobs.complete(job_id, RUN, Outcome.CREATED, {})
        case JobStatus.FAILED:
            assert state.jobs.fail(job_id, run_id=RUN, code="empty", message="no text")
        case JobStatus.CANCELLED:
            state.jobs.cancel(job_id, "not wanted")
    assert state.jobs.get(job_id).status is status
    return job_id


def texts(fields: Mapping[bytes | str, bytes | str]) -> dict[str, str]:
    """Return a hash or an entry's fields as what they are with a client that decodes its answers: text."""
    decoded = {name: value for name, value in fields.items() if isinstance(name, str) and isinstance(value, str)}
    assert len(decoded) == len(fields), f"the client of the test doesn't decode: {fields}"
    return decoded


def entries(raw: redis.Redis, stream: str) -> list[tuple[str, dict[str, str]]]:
    """Return the entries of a stream, oldest first: id and fields."""
    found = []
    for entry_id, fields in raw.xrange(stream) or []:
        assert isinstance(entry_id, str)
        assert fields is not None
        found.append((entry_id, texts(fields)))
    return found


def append(raw: redis.Redis, fields: Mapping[str, str] | Mapping[bytes, bytes]) -> str:
    """Append an entry to the stream of jobs as a foreign producer would; returns its id."""
    entry_id = raw.xadd(keys.JOBS, dict(fields.items()))
    assert isinstance(entry_id, str)
    return entry_id


def assert_consistent(raw: redis.Redis) -> None:
    """Check what must hold between all keys after every transition."""
    states = {
        key.removeprefix(keys.STATE_PREFIX): texts(raw.hgetall(key)) for key in raw.scan_iter(keys.STATE_PREFIX + "*")
    }
    tags = {fields["tag"] for fields in states.values()}
    in_queue = {job_id for job_id, fields in states.items() if fields["status"] == "queued"}
    ended = {job_id for job_id, fields in states.items() if JobStatus(fields["status"]).is_final}

    assert set(raw.zrange(keys.INDEX_ALL, 0, -1)) == states.keys()
    assert set(raw.zrange(keys.INDEX_FINISHED, 0, -1)) == ended
    for status in JobStatus:
        members = {job_id for job_id, fields in states.items() if fields["status"] == status}
        assert set(raw.zrange(keys.index(status=status), 0, -1)) == members
        for tag in tags:
            of_tag = {job_id for job_id in members if states[job_id]["tag"] == tag}
            assert set(raw.zrange(keys.index(tag, status), 0, -1)) == of_tag

    job_of_entry = {entry_id: fields["job_id"] for entry_id, fields in entries(raw, keys.JOBS)}
    assert {states[job_id]["entry"]: job_id for job_id in in_queue} == job_of_entry
    documents = {key: texts(raw.hgetall(key)) for key in raw.scan_iter(keys.DOCUMENT_PREFIX + "*")}
    assert {fields["queued"] for fields in documents.values() if "queued" in fields} == in_queue
    assert len({states[job_id]["document_id"] for job_id in in_queue}) == len(in_queue)

    holders: dict[str, set[str]] = {}
    for job_id, fields in states.items():
        if fields.get("run_id"):
            holders.setdefault(keys.run(fields["run_id"]), set()).add(job_id)
            assert fields["status"] != "queued"
        else:
            assert fields["status"] not in {"running", "paused"}
    assert {key: set(raw.smembers(key)) for key in raw.scan_iter(keys.RUN_PREFIX + "*")} == holders

    for job_id, fields in states.items():
        assert fields["v"] == "1"
        numbers = [int(event["seq"]) for _, event in entries(raw, keys.events(job_id))]
        assert numbers == list(range(int(fields["seq"]) - len(numbers) + 1, int(fields["seq"]) + 1))
        expires = raw.ttl(keys.events(job_id))
        assert expires > 0 if job_id in ended else expires == -1


class LossyProxy:
    """Stands between client and server, and once, when told to, swallows the answer to a script and hangs up."""

    def __init__(self, host: str, port: int) -> None:
        self._upstream = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.lost = 0
        self._armed = False
        threading.Thread(target=self._accept, daemon=True).start()

    def lose_next_answer(self) -> None:
        self._armed = True

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        server = socket.create_connection(self._upstream)
        asked = threading.Event()

        def requests() -> None:
            while data := _received(client):
                if self._armed and b"EVALSHA" in data:
                    asked.set()
                server.sendall(data)
            _hang_up(server)

        threading.Thread(target=requests, daemon=True).start()
        while data := _received(server):
            if asked.is_set() and not data.startswith(b"-NOSCRIPT"):
                self._armed = False
                self.lost += 1
                break
            asked.clear()
            client.sendall(data)
        _hang_up(client)
        _hang_up(server)


def _received(connection: socket.socket) -> bytes:
    try:
        return connection.recv(1 << 16)
    except OSError:
        return b""


def _hang_up(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
