"""MCP asked with the SDK's own client: over HTTP and over standard input and output, the real service on the real stores."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

import anyio
import httpx
import httpx2
import pytest
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, TextContent, TextResourceContents

from docgraph.domain.commit import CommitRequest, SectionRow
from docgraph.domain.identity import document_id, section_id, text_hash
from docgraph.domain.protocol import Attempt, CommitDecision
from docgraph.runtime.connections import Runtime
from support.integration.service_process import ROOT, TOKEN, Sidecar, free_port
from support.integration.store_service import Ingest, ingest, service

__all__ = ["ingest", "service"]

T = TypeVar("T")
Talk = Callable[[Client], Awaitable[T]]
#: An answer has to come within this many seconds.
LIMIT = 1.0
GUIDE = """# Operating the gate

## Why it closes

When a store is overloaded the gate closes: claims wait and batches pause until the store answers quickly again.

## Opening it by hand

Run `ingestctl gate open` when you know that the store is well; see [retries](retries.md).

## Settings

`gate.close_after` is how many slow answers in a row close the gate.
"""
RETRIES = "# Retries\n\nSet `max_active_runs` to limit how many runs work at once; the rest wait in the queue.\n"


@pytest.fixture
def dataset(ingest: Ingest, tag: str) -> str:
    ingest(guide=GUIDE, retries=RETRIES)
    return tag


async def conversation(client: Client, talk: Talk[T]) -> tuple[T | None, Exception | None]:
    """Catch what goes wrong before the client's task groups wrap it up."""
    try:
        return await talk(client), None
    except Exception as error:
        return None, error


def outcome(result: tuple[T | None, Exception | None]) -> T:
    value, error = result
    if error is not None:
        raise error
    return cast(T, value)


def over_http(service: Sidecar, talk: Talk[T], *, mode: str = "auto") -> T:
    async def run() -> tuple[T | None, Exception | None]:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with (
            httpx2.AsyncClient(headers=headers, timeout=30, trust_env=False) as http,
            Client(streamable_http_client(f"{service.url}/mcp", http_client=http), mode=mode) as client,
        ):
            return await conversation(client, talk)

    return outcome(anyio.run(run))


def bridge_parameters(url: str, token: str = TOKEN) -> StdioServerParameters:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("DOCGRAPH_", "AIRFLOW", "PYTHON"))}
    environment = {**clean, "PYTHONPATH": f"{ROOT}/include:{ROOT}/cli", "DOCGRAPH_TOKEN": token}
    command = ["-P", "-c", "from ingestctl.main import run; run()", "--service", url, "mcp"]
    return StdioServerParameters(command=sys.executable, args=command, env=environment)


def over_stdio(service: Sidecar, talk: Talk[T], *, mode: str = "auto") -> T:
    async def run() -> tuple[T | None, Exception | None]:
        async with Client(bridge_parameters(service.url), mode=mode) as client:
            return await conversation(client, talk)

    return outcome(anyio.run(run))


TRANSPORTS = {"http": over_http, "stdio": over_stdio}


@pytest.fixture(params=["http-auto", "http-legacy", "stdio-auto", "stdio-legacy"])
def ask(request: pytest.FixtureRequest, service: Sidecar) -> Callable[[Talk[Any]], Any]:
    """Let a conversation take place over each transport, in the newest protocol and with the handshake of the older ones."""
    transport, mode = request.param.split("-")
    return lambda talk: TRANSPORTS[transport](service, talk, mode=mode)


def text_of(result: CallToolResult) -> str:
    block = result.content[0]
    assert isinstance(block, TextContent)
    return block.text


def data_of(result: CallToolResult) -> dict[str, Any]:
    assert not result.is_error, text_of(result)
    assert result.structured_content is not None
    content: dict[str, Any] = result.structured_content
    return content


def call(service: Sidecar, name: str, **arguments: Any) -> CallToolResult:
    return over_http(service, lambda client: client.call_tool(name, arguments))


def test_an_agent_finds_reads_and_looks_around(ask: Callable[[Talk[Any]], Any], dataset: str) -> None:
    async def talk(client: Client) -> None:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert set(tools) == {"search", "read_section", "neighbours", "list_datasets", "readiness"}
        assert all(
            tool.output_schema and tool.annotations and tool.annotations.read_only_hint for tool in tools.values()
        )
        listed = data_of(await client.call_tool("list_datasets", {}))["datasets"]
        assert next(row for row in listed if row["tag"] == dataset)["documents"] == 2
        found = data_of(
            await client.call_tool(
                "search", {"query": "Why do claims wait and batches pause when a store is overloaded?", "tag": dataset}
            )
        )
        best = found["evidence"][0]
        assert best["heading_path"][-1] == "Why it closes"
        assert found["confidence"] > 0.7
        section = data_of(await client.call_tool("read_section", {"section_id": best["section_id"]}))
        assert section["text"].startswith("When a store is overloaded")
        assert (section["position"], section["of"]) == (1, 3)
        opening = section["next_section_id"]
        near = data_of(await client.call_tool("neighbours", {"section_id": opening}))["places"]
        assert [place["relation"] for place in near[:2]] == ["previous", "next"]
        assert near[0]["excerpt"].startswith("When a store is overloaded")
        assert "upload:///retries.md" in {place["source_uri"] for place in near if place["relation"] == "link"}
        whole = (await client.read_resource(best["document_uri"])).contents[0]
        assert isinstance(whole, TextResourceContents)
        assert "## Opening it by hand" in whole.text

    ask(talk)


def test_the_text_of_an_answer_says_what_the_data_says(service: Sidecar, dataset: str) -> None:
    result = call(service, "search", query="limit how many runs work at once", tag=dataset, limit=1)
    text = text_of(result)
    hit = data_of(result)["evidence"][0]
    assert hit["section_id"] in text
    assert "upload:///retries.md" in text
    assert "max_active_runs" in text
    assert len(text) < 1000


def test_a_question_that_the_dataset_does_not_answer_is_advised_against(service: Sidecar, dataset: str) -> None:
    found = data_of(call(service, "search", query="How do I bake bread with rye flour?", tag=dataset))
    assert found["confidence"] < 0.46
    assert "instead of guessing" in found["advice"]


@pytest.mark.parametrize(
    ("name", "arguments", "advice"),
    [
        ("search", {"query": "anything", "tag": "no-such-dataset"}, "The datasets are:"),
        ("search", {"query": " ", "tag": "no-such-dataset"}, "question is empty"),
        ("search", {"query": "x", "tag": "Not A Tag"}, "is not a valid tag"),
        ("search", {"query": "x", "tag": "docs", "limit": 1000}, "limit"),
        ("read_section", {"section_id": str(uuid.uuid4())}, "Search again"),
        ("neighbours", {"section_id": "nonsense"}, "Search again"),
        ("readiness", {"tag": "no-such-dataset"}, "The datasets are:"),
    ],
)
def test_what_goes_wrong_is_a_tool_error_that_says_what_to_do(
    service: Sidecar, dataset: str, name: str, arguments: dict[str, Any], advice: str
) -> None:
    result = call(service, name, **arguments)
    assert result.is_error
    assert advice in text_of(result)


def test_readiness_tells_the_last_verdict_and_what_is_away(service: Sidecar, runtime: Runtime, dataset: str) -> None:
    assert "judged" in data_of(call(service, "readiness", tag=dataset))["reasons"][0]
    runtime.state.readiness.set(dataset, {"ready": "false", "reasons": "drift", "at": "2026-01-01T00:00:00Z"})
    assert "drift" in text_of(call(service, "readiness", tag=dataset))
    runtime.state.readiness.set(dataset, {"ready": "true", "reasons": "", "drift_pct": "0.0000"})
    ready = data_of(call(service, "readiness", tag=dataset))
    assert (ready["ready"], ready["reasons"]) == (True, [])


def test_every_document_is_listed_once_over_as_many_pages_as_it_takes(
    service: Sidecar, runtime: Runtime, ingest: Ingest, tag: str
) -> None:
    names = [f"page{number}" for number in range(103)]
    ingest(**{name: f"# Page {name}\n\ntext of {name}\n" for name in names})
    ingest(page0=None)

    async def list_all(client: Client) -> list[Any]:
        found, cursor = [], None
        while True:
            page = await client.list_resources(cursor=cursor)
            assert len(page.resources) <= 100
            found += page.resources
            cursor = page.next_cursor
            if cursor is None:
                return found

    found = over_http(service, list_all)
    mine = [str(resource.uri) for resource in found if str(resource.uri).startswith(f"docgraph://{tag}/")]
    assert sorted(mine) == sorted(f"docgraph://{tag}/{document_id(tag, f'upload:///{name}.md')}" for name in names[1:])
    assert len({str(resource.uri) for resource in found}) == len(found)


def test_a_long_document_is_read_in_stretches_that_join_without_a_gap(
    service: Sidecar, ingest: Ingest, tag: str
) -> None:
    text = "# Guide\n\n" + "\n".join(f"## Part {n}\n\nUnique words of part number {n}.\n" for n in range(450))
    ingest(guide=text)
    uri = f"docgraph://{tag}/{document_id(tag, 'upload:///guide.md')}"

    async def read_all(client: Client) -> list[str]:
        read = []
        for start in (0, 200, 400):
            contents = (await client.read_resource(f"{uri}?start={start}" if start else uri)).contents[0]
            assert isinstance(contents, TextResourceContents)
            read.append(contents.text)
        return read

    stretches = over_http(service, read_all)
    assert f"{uri}?start=200" in stretches[0]
    assert "Read docgraph://" not in stretches[2]
    for number in range(450):
        assert sum(f"part number {number}." in stretch for stretch in stretches) == 1


@pytest.mark.parametrize(
    "path", ["{tag}/00000000-0000-0000-0000-000000000000", "other/{document}", "{tag}/{document}?start=99"]
)
def test_a_document_that_is_not_there_is_said_not_to_be_there(service: Sidecar, dataset: str, path: str) -> None:
    uri = "docgraph://" + path.format(tag=dataset, document=document_id(dataset, "upload:///guide.md"))
    with pytest.raises(MCPError, match=r"has no document|so none at place"):
        over_http(service, lambda client: client.read_resource(uri))


def commit_edition(runtime: Runtime, tag: str, uri: str, letter: str, sections: int) -> None:
    """Replace all sections of a document at once, without the stages and their vectors: nothing here reads those."""
    document = document_id(tag, uri)
    before = runtime.graph.committed(document)
    rows = []
    for number in range(sections):
        path, text = ("Guide", f"Part {number}"), f"Edition {letter} of part {number}."
        section = section_id(document, path, text, 0)
        rows.append(SectionRow(section, path, text, text_hash(path, text), 0, ""))
    request = CommitRequest(
        attempt=Attempt(document, uuid.uuid4().hex, before.fence + 1, before.fence + 1, before.generation),
        tag=tag,
        source_uri=uri,
        job_id="job",
        checksum=letter,
        pipeline="p",
        base_pipeline=before.pipeline,
        generation=tuple(row.section_id for row in rows),
        removed=before.generation,
        rows=rows,
        entities={},
        properties={"title": "Guide", "content_type": "text/markdown", "anchors": [""] * sections},
        staged=frozenset({runtime.embedding_version.name}),
    )
    assert runtime.graph.commit(request).decision is CommitDecision.COMMIT


def test_a_document_is_never_read_half_while_it_is_being_replaced(service: Sidecar, runtime: Runtime, tag: str) -> None:
    path, sections = "upload:///guide.md", 150
    runtime.graph.ensure_dataset(tag, runtime.embedding_version.name)
    commit_edition(runtime, tag, path, "a", sections)
    uri = f"docgraph://{tag}/{document_id(tag, path)}"
    stop = threading.Event()
    commits = 0

    def replace() -> None:
        nonlocal commits
        while not stop.is_set():
            for letter in "ba":
                commit_edition(runtime, tag, path, letter, sections)
                commits += 1
            # A writer that never rests would be met by each of the bounded number of rounds.
            time.sleep(0.05)

    texts: list[str] = []

    async def read_often(client: Client) -> None:
        async def read() -> None:
            until = time.monotonic() + 10
            while time.monotonic() < until:
                contents = (await client.read_resource(uri, cache_mode="bypass")).contents[0]
                assert isinstance(contents, TextResourceContents)
                texts.append(contents.text)

        async with anyio.create_task_group() as readers:
            for _ in range(3):
                readers.start_soon(read)

    writer = threading.Thread(target=replace)
    writer.start()
    try:
        over_http(service, read_often)
    finally:
        stop.set()
        writer.join()
    whole = {"\n".join(f"Edition {letter} of part {n}." for n in range(sections)) for letter in "ab"}
    seen = {"\n".join(line for line in text.splitlines() if line.startswith("Edition")) for text in texts}
    print(f"{len(texts)} reads during {commits} commits")
    assert seen <= whole
    assert commits >= 4, "the document was hardly replaced while it was read"


def rpc(method: str, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Authorization": ""}, 401),
        ({"Host": "attacker.example:9108"}, 421),
        ({"Origin": "http://attacker.example"}, 403),
        ({}, 200),
    ],
)
def test_strangers_and_rebound_names_are_refused(service: Sidecar, headers: dict[str, str], status: int) -> None:
    given = {
        "Authorization": f"Bearer {TOKEN}",
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": "2025-06-18",
        **headers,
    }
    answer = httpx.post(f"{service.url}/mcp", json=rpc("tools/list"), headers=given, trust_env=False)
    assert answer.status_code == status


def test_answers_come_within_a_second(service: Sidecar, dataset: str) -> None:
    async def measure(client: Client) -> dict[str, list[float]]:
        hit = data_of(await client.call_tool("search", {"query": "gate", "tag": dataset}))["evidence"][0]
        calls: dict[str, Callable[[], Awaitable[Any]]] = {
            "search": lambda: client.call_tool(
                "search", {"query": f"Why does it close {uuid.uuid4()}?", "tag": dataset}
            ),
            "read_section": lambda: client.call_tool("read_section", {"section_id": hit["section_id"]}),
            "neighbours": lambda: client.call_tool("neighbours", {"section_id": hit["section_id"]}),
            "list_datasets": lambda: client.call_tool("list_datasets", {}),
            "readiness": lambda: client.call_tool("readiness", {"tag": dataset}),
            "resource": lambda: client.read_resource(hit["document_uri"], cache_mode="bypass"),
        }
        seconds: dict[str, list[float]] = {name: [] for name in calls}
        for _ in range(15):
            for name, ask in calls.items():
                started = time.perf_counter()
                await ask()
                seconds[name].append(time.perf_counter() - started)
        return seconds

    for transport, over in TRANSPORTS.items():
        seconds = over(service, measure)
        medians = {name: statistics.median(values) for name, values in seconds.items()}
        print(transport, {name: f"{1000 * median:.0f} ms" for name, median in medians.items()})
        assert max(medians.values()) < LIMIT, medians


def bridge(url: str, sent: bytes, token: str = TOKEN) -> tuple[list[dict[str, Any]], str, int]:
    """Give the bridge its input at once; return its messages, its remarks and its exit code."""
    parameters = bridge_parameters(url, token)
    done = subprocess.run(
        [parameters.command, *parameters.args],
        input=sent,
        env=parameters.env,
        capture_output=True,
        timeout=60,
        check=False,
    )
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr.decode(), done.returncode


def test_the_bridge_answers_each_request_although_the_service_is_away() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    sent = json.dumps(rpc("initialize")).encode() + b"\n" + b'{"jsonrpc":"2.0","method":"notifications/initialized"}\n'
    messages, remarks, code = bridge(url, sent)
    assert code == 0
    assert [message["id"] for message in messages] == [1]
    assert "make up" in messages[0]["error"]["message"]
    assert "does not answer" in remarks


def test_the_bridge_says_that_the_token_is_wrong(service: Sidecar) -> None:
    messages, _, _ = bridge(service.url, json.dumps(rpc("tools/list")).encode() + b"\n", token="wrong")
    assert "DOCGRAPH_TOKEN" in messages[0]["error"]["message"]


def test_the_bridge_survives_lines_that_are_no_messages(service: Sidecar) -> None:
    sent = b"not json\n\n[]\n\xff\n" + json.dumps(rpc("ping")).encode() + b"\n"
    messages, _, code = bridge(service.url, sent)
    assert code == 0
    assert {"jsonrpc": "2.0", "id": 1, "result": {}} in messages
    assert sum(message.get("error", {}).get("code") == -32700 for message in messages) == 2
