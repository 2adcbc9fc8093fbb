"""Bad entries for every door of the running stack, and how each of them must end: with a reason, alone, and soon.

A kind is a function that puts one entry and returns how to see that it has ended. What it draws comes from the drill's own
generator, so that a seed brings the same entries again.
"""

from __future__ import annotations

import io
import json
import os
import random
import socket
import uuid
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from urllib.parse import quote, urlsplit

import httpx
import redis

from docgraph.domain.identity import canonical_source_uri, document_id
from docgraph.state import keys
from support.e2e.drops import Drops

#: Returns why the entry has ended, or "" while it has not.
Ending = Callable[[], str]
#: Hex digits of a checksum that no snapshot has.
NOWHERE = "0" * 64


@dataclass(frozen=True, slots=True)
class Kind:
    """A way in which an entry can be bad, at one door."""

    door: str
    name: str
    put: Callable[[Drill], Ending]


@dataclass
class Drill:
    """The stack that is drilled: a dataset of its own, clients of all doors, and a generator with a seed."""

    drops: Drops
    http: httpx.Client
    redis: redis.Redis
    draw: random.Random
    number: int = 0
    answers: list[tuple[str, int]] = field(default_factory=list)
    tidy: list[Callable[[], object]] = field(default_factory=list)

    def name(self, ending: str) -> str:
        """A file name that nothing else has."""
        self.number += 1
        return f"bad-{self.number}{ending}"

    def dropped(self, name: str | bytes, data: str | bytes) -> Ending:
        """Drop a file, and wait for a job of its address that has ended and says why."""
        path = self.drops.write(name, data)
        self.drops.announce(path)
        return lambda: self.end_of(f"fs://ingest/watch/{self.drops.tag}/{quote(os.fsencode(path.name))}")

    def end_of(self, uri: str) -> str:
        """How the newest job of an address ended."""
        document = document_id(self.drops.tag, canonical_source_uri(uri))
        found = next((s for s in self.drops.jobs() if s.document_id == document and s.status.is_final), None)
        return f"{found.status} {found.outcome or found.error}" if found else ""

    def added(self, **fields: str | bytes) -> Ending:
        """Put an entry into the stream of jobs, and wait until it is there no more and its job says why."""
        entry: dict[str, str | bytes] = {
            "job_id": str(uuid.UUID(int=self.draw.getrandbits(128), version=4)),
            "source_uri": f"upload:///{self.name('.md')}",
            "content_type": "text/markdown",
            "checksum": NOWHERE,
            "tag": self.drops.tag,
            "created_at": "2026-01-01T00:00:00.000000Z",
            **fields,
        }
        at = self.redis.xadd(keys.JOBS, {name: value for name, value in entry.items() if value != b"-"})
        return lambda: "" if self.redis.xrange(keys.JOBS, at, at) else "taken out of the stream"

    def asked(self, method: str, path: str, **options: object) -> Ending:
        """Ask the service, and see that it answers with an error that is the caller's."""
        answer = self.http.request(method, path, **options)  # type: ignore[arg-type]
        self.answers.append((f"{method} {path[:60]}", answer.status_code))
        text = f"{answer.status_code} {answer.text[:200]}"
        assert 400 <= answer.status_code < 500 or answer.status_code == httpx.codes.SERVICE_UNAVAILABLE, text
        return lambda: text

    def said(self, data: bytes) -> Ending:
        """Say something to the service's port that is no request, and hang up."""
        at = urlsplit(str(self.http.base_url))
        with socket.create_connection((at.hostname, at.port), timeout=10) as line:
            line.sendall(data)
        return lambda: "hung up"

    def any_job(self) -> str:
        """The id of a good job."""
        answer = self.http.get("/v1/jobs", params={"status": "completed", "limit": 1}).raise_for_status()
        return str(answer.json()["jobs"][0]["job_id"])

    def state(self, kind: str, value: object, job_id: str | None = None) -> Ending:
        """Put something into Redis where a job's state belongs, listed as all jobs are; listings must still answer."""
        job = job_id or str(uuid.UUID(int=self.draw.getrandbits(128), version=4))
        if isinstance(value, dict):
            self.redis.hset(keys.state(job), mapping=value)
        elif value is not None:
            self.redis.set(keys.state(job), str(value))
        listed = [keys.index(), keys.index(tag=self.drops.tag)]
        for index in listed:
            self.redis.zadd(index, {job: 4e15 + self.draw.randrange(10**6)})
        self.tidy += [lambda: self.redis.delete(keys.state(job)), *(partial(self.redis.zrem, i, job) for i in listed)]

        def listing() -> str:
            answer = self.http.get("/v1/jobs", params={"tag": self.drops.tag, "limit": 1000})
            assert answer.status_code == httpx.codes.OK, f"{kind}: {answer.text[:300]}"
            single = self.http.get(f"/v1/jobs/{quote(job, safe='')}")
            assert single.status_code < 500, f"{kind}: {single.text[:300]}"
            return f"listed; alone it is {single.status_code}"

        return listing


def _archive(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in members.items():
            archive.writestr(name.replace("__", "/"), data)
    return buffer.getvalue()


def _table(drill: Drill) -> str:
    columns = drill.draw.randrange(500, 2_000)
    return "# T\n\n" + "\n".join(("|a" * columns + "|", "|-" * columns + "|", "|b" * columns + "|"))


#: Content that no reader takes, or that is much work for one, by the ending of the file. Little of it is text to embed: what
#: is drilled is not how long a large document keeps others waiting.
_CONTENTS: dict[str, tuple[str, Callable[[Drill], str | bytes]]] = {
    "nothing": (".md", lambda d: ""),
    "blanks only": (".md", lambda d: " \n\t\n" * d.draw.randrange(1, 500)),
    "not UTF-8": (".md", lambda d: "# Café\n\nthé\n".encode("latin-1")),
    "random bytes": (".md", lambda d: d.draw.randbytes(d.draw.randrange(1, 4000))),
    "zero bytes": (".txt", lambda d: b"\0" * d.draw.randrange(1, 4000)),
    "a picture": (".md", lambda d: b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR" + d.draw.randbytes(200)),
    "an unknown ending": (".xlsx", lambda d: "a,b\n"),
    "a line without an end": (".md", lambda d: '{"a":[1,2,{"b":"c"}],' * d.draw.randrange(200, 1000)),
    "front matter that is no YAML": (".md", lambda d: "---\na: [b\n  c: }\n---\n\n# Title\n\nText.\n"),
    "front matter without an end": (".md", lambda d: "---\n" + "key: value\n" * 300),
    "a table of thousands of columns": (".md", _table),
    "quotes in quotes": (".md", lambda d: ">" * d.draw.randrange(500, 3000) + " deep\n"),
    "lists in lists": (".md", lambda d: "\n".join("  " * n + "- x" for n in range(d.draw.randrange(100, 400)))),
    "brackets without an end": (".md", lambda d: "[" * d.draw.randrange(1_000, 10_000)),
    "emphasis without an end": (".md", lambda d: "*a **b " * d.draw.randrange(200, 2_000)),
    "code without an end": (".md", lambda d: "`" * d.draw.randrange(3, 3000) + "\nx\n" * 300),
    "a cut PDF": (".pdf", lambda d: b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\n" + d.draw.randbytes(300)),
    "a Word file that is no archive": (".docx", lambda d: b"PK\x03\x04" + d.draw.randbytes(500)),
    "a Word file without a document": (".docx", lambda d: _archive(nothing=b"x")),
    "slides with broken XML": (".pptx", lambda d: _archive(ppt__presentation=b"<p:presentation")),
    "a book without a spine": (".epub", lambda d: _archive(mimetype=b"application/epub+zip")),
    "a cut notebook": (".ipynb", lambda d: '{"cells": [{"cell_type": "markdown", "source": ["# x'),
    "a notebook without cells": (".ipynb", lambda d: json.dumps({"nbformat": 4, "cells": {"not": "a list"}})),
    "JSON of brackets": (".json", lambda d: "[" * d.draw.randrange(2_000, 20_000)),
    "an API without paths": (".json", lambda d: json.dumps({"openapi": "3.1.0", "paths": [1, 2]})),
    "a directive that includes the machine's files": (".rst", lambda d: "Title\n=====\n\n.. include:: /etc/hostname\n"),
    "an include of the machine's files": (".adoc", lambda d: "= Title\n\ninclude::/etc/hostname[]\n"),
    "elements in elements": (".html", lambda d: "<div>" * d.draw.randrange(2_000, 20_000) + "text"),
    "components without an end": (".mdx", lambda d: "# T\n\n<Tabs><Tab a={`${" * d.draw.randrange(10, 200)),
    "a page of macros": (".1", lambda d: ".TH X 1\n.SH NAME\n" + ".de a\n.a\n..\n" * 300),
}


def _content(ending: str, make: Callable[[Drill], str | bytes]) -> Callable[[Drill], Ending]:
    return lambda drill: drill.dropped(drill.name(ending), make(drill))


def _marker_alone(drill: Drill) -> Ending:
    name = drill.name(".md")
    (drill.drops.folder / f"{name}.ready").touch()
    return lambda: drill.end_of(f"fs://ingest/watch/{drill.drops.tag}/{name}")


def _long_name(drill: Drill) -> Ending:
    stem = drill.name("")
    return drill.dropped(stem + "x" * (245 - len(stem)) + ".md", "# Long\n\nText.\n")


def _name_of_bytes(drill: Drill) -> Ending:
    name = drill.name("-caf")
    drill.dropped(name.encode() + b"\xe9.md", "# Name\n\nText.\n")
    # An address is text: what is none is replaced in it.
    return lambda: drill.end_of(f"fs://ingest/watch/{drill.drops.tag}/{name}\ufffd.md")


def _line_in_the_name(drill: Drill) -> Ending:
    return drill.dropped(drill.name("\ntwo lines.md"), "# Name\n\nText.\n")


_FILES: dict[str, Callable[[Drill], Ending]] = {
    **{name: _content(ending, make) for name, (ending, make) in _CONTENTS.items()},
    "a marker without a file": _marker_alone,
    "a name as long as names can be": _long_name,
    "a name that is no text": _name_of_bytes,
    "a name of two lines": _line_in_the_name,
}
_STREAM: dict[str, Callable[[Drill], Ending]] = {
    "an unfinished IPv6 address": lambda d: d.added(source_uri="https://[::1"),
    "an endless address": lambda d: d.added(source_uri="https://example.org/" + "a" * 100_000),
    "an address of zeros": lambda d: d.added(source_uri="\x00:\x00"),
    "no address": lambda d: d.added(source_uri=b"-"),
    "no dataset": lambda d: d.added(tag=b"-"),
    "a dataset that is no name": lambda d: d.added(tag="../" * d.draw.randrange(1, 300)),
    "no id": lambda d: d.added(job_id=b"-"),
    "an id that is none": lambda d: d.added(job_id="seven"),
    "bytes that are no text": lambda d: d.added(source_uri=d.draw.randbytes(40)),
    "bytes in every field": lambda d: d.added(job_id=b"\xff", tag=b"\xfe", checksum=b"\xfd", created_at=b"\xfc"),
    "a checksum that is none": lambda d: d.added(checksum="md5:1"),
    "a snapshot that is not there": lambda d: d.added(),
    "the id of another entry's job": lambda d: d.added(job_id=d.any_job()),
    "an operation that is none": lambda d: d.added(op="explode"),
    "a time that is none": lambda d: d.added(created_at="tomorrow"),
    "a format that nobody reads": lambda d: d.added(content_type="x" * d.draw.randrange(1, 5000)),
    "a megabyte beside it": lambda d: d.added(note="x" * 2**20),
}
_STATE: dict[str, Callable[[Drill], Ending]] = {
    "a state without fields": lambda d: d.state("without fields", {"v": "1", "status": "queued"}),
    "a state of the future": lambda d: d.state("of the future", {"v": "99", "status": "queued", "tag": d.drops.tag}),
    "a state without a version": lambda d: d.state("without a version", {"status": "running"}),
    "numbers that are none": lambda d: d.state("numbers", {"v": "1", "status": "failed", "version": "x", "fence": "?"}),
    "a status that is none": lambda d: d.state("status", {"v": "1", "status": "dancing", "tag": d.drops.tag}),
    "a text for a state": lambda d: d.state("a text", "hello"),
    "no state for an id": lambda d: d.state("no state", None),
    "an id that is none in the index": lambda d: d.state("an id", None, job_id=f"x{d.draw.random()}"),
}


def _job(**fields: object) -> dict[str, object]:
    return {"jobs": [{"source_uri": "upload:///x.md", "tag": "docs", "checksum": NOWHERE, **fields}]}


_HTTP: dict[str, Callable[[Drill], Ending]] = {
    "a body that is no JSON": lambda d: d.asked("POST", "/v1/jobs", content=d.draw.randbytes(300)),
    "a body of brackets": lambda d: d.asked("POST", "/v1/jobs", content=b"[" * d.draw.randrange(1_000, 200_000)),
    "a body that is too large": lambda d: d.asked("POST", "/v1/jobs", content=b" " * (5 * 2**20)),
    "fields of other types": lambda d: d.asked("POST", "/v1/jobs", json={"jobs": [{"source_uri": 7, "tag": []}]}),
    "an unfinished address": lambda d: d.asked("POST", "/v1/jobs", json=_job(source_uri="https://[::1")),
    "an endless address": lambda d: d.asked("POST", "/v1/jobs", json=_job(source_uri="a:" + "b" * 100_000)),
    "half of a surrogate": lambda d: d.asked(
        "POST", "/v1/jobs", content=json.dumps(_job(source_uri="upload:///\ud800")).encode()
    ),
    "a snapshot that nobody sent": lambda d: d.asked("POST", "/v1/jobs", json=_job()),
    "explain what is no address": lambda d: d.asked("GET", "/v1/explain", params={"uri": "https://[::1"}),
    "a limit that is no number": lambda d: d.asked("GET", "/v1/jobs", params={"limit": "many"}),
    "a job that is a path": lambda d: d.asked("GET", "/v1/jobs/..%2f..%2fetc%2fpasswd"),
    "a report that is a path": lambda d: d.asked("GET", "/v1/reports/..%2f..%2fsecrets.json"),
    "a report whose signature is no ASCII": lambda d: d.asked("GET", "/v1/runs/x/report?signature=%C3%A9"),
    "a cursor of no stream": lambda d: d.asked("GET", "/v1/events", params={"job": d.any_job(), "after": "1_0-0"}),
    "a token that is none": lambda d: d.asked("GET", "/v1/jobs", headers={"Authorization": b"Bearer \xe9"}),
    "a search of nothing": lambda d: d.asked("GET", "/v1/search", params={"q": "", "tag": d.drops.tag}),
    "a search in no dataset": lambda d: d.asked("GET", "/v1/search", params={"q": "x", "tag": "no such dataset"}),
    "an agent that does not speak MCP": lambda d: d.asked("POST", "/mcp", content=b"hello"),
    "no request at all": lambda d: d.said(d.draw.randbytes(300)),
    "a request that breaks off": lambda d: d.said(
        b"POST /v1/snapshots HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nhalf"
    ),
    "a header without an end": lambda d: d.said(b"GET / HTTP/1.1\r\nX: " + b"y" * 100_000),
}
KINDS: tuple[Kind, ...] = tuple(
    Kind(door, name, put)
    for door, kinds in (("files", _FILES), ("stream", _STREAM), ("state", _STATE), ("http", _HTTP))
    for name, put in kinds.items()
)
