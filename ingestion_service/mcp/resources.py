"""The MCP resources: every live document of every dataset, listed page by page and read from its generation.

`docgraph://{tag}/{document_id}` is the document as Markdown, made from the sections of one committed generation (a validated
read), not from the file it came from. A long one is given in stretches; the end of a stretch says how to go on.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Any

import anyio.to_thread
from mcp.server import MCPServer, ServerRequestContext
from mcp.server.context import CallNext, HandlerResult
from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError
from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR, INVALID_PARAMS

from docgraph.domain.errors import DocgraphError
from docgraph.retrieval import passages
from docgraph.retrieval.passages import DocumentNotFoundError, Passage
from docgraph.stores.graph import GraphStore
from ingestion_service.mcp.answers import document_uri
from ingestion_service.service import Service

TEMPLATE = "docgraph://{tag}/{document_id}{?start}"
PAGE = 100
MIME_TYPE = "text/markdown"


def add_resources(server: MCPServer, service: Service) -> None:
    """Give `server` the documents, read through `service`."""

    @server.resource(
        TEMPLATE,
        name="document",
        title="A document",
        description=(
            "The whole text of a document as Markdown, from the generation that search sees. `start` is the first section "
            "to read, counted from 0; without it reading begins at the beginning."
        ),
        mime_type=MIME_TYPE,
    )
    def document(tag: str, document_id: str, start: str = "0") -> str:
        if not start.isdecimal():
            raise ResourceError(f"start={start!r} is not the number of a section; count from 0.")
        try:
            return _text(passages.read_passage(service.runtime.graph, tag, document_id, int(start)))
        except DocumentNotFoundError as error:
            raise ResourceNotFoundError(str(error)) from error
        except DocgraphError as error:
            raise ResourceError(str(error)) from error

    async def list_documents(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        # The SDK lists only what was registered beforehand, and in one piece; here documents come and go.
        result = await call_next(ctx)
        if ctx.method != "resources/list" or not isinstance(result, dict):
            return result
        cursor = (ctx.params or {}).get("cursor") or ""
        try:
            resources, following = await anyio.to_thread.run_sync(_page, service, str(cursor))
        except DocgraphError as error:
            raise MCPError(code=INTERNAL_ERROR, message=str(error)) from error
        listed = {**result, "resources": resources}
        return {**listed, "nextCursor": following} if following else listed

    server.middleware.append(list_documents)


def _page(service: Service, cursor: str) -> tuple[list[dict[str, Any]], str]:
    """Return the resources after `cursor` (`tag/document_id`, empty: from the beginning) and the cursor of the next page."""
    graph = service.runtime.graph
    after_tag, _, after_id = cursor.partition("/")
    tags = [row["tag"] for row in graph.datasets()]
    if cursor and after_tag not in tags:
        raise MCPError(
            code=INVALID_PARAMS, message=f"{cursor!r} is not a cursor of this list; list from the beginning."
        )
    found: list[dict[str, Any]] = []
    for tag in tags[tags.index(after_tag) if cursor else 0 :]:
        ids = graph.documents_matching(tag)
        first = bisect_right(ids, after_id) if tag == after_tag else 0
        taken = ids[first : first + PAGE - len(found)]
        found += _resources(graph, tag, taken)
        if first + len(taken) < len(ids):
            return found, f"{tag}/{taken[-1]}" if taken else f"{tag}/"
    return found, ""


def _resources(graph: GraphStore, tag: str, document_ids: list[str]) -> list[dict[str, Any]]:
    rows = graph.documents(document_ids)
    # A document may have been deleted since its id was read.
    return [
        {
            "uri": document_uri(tag, i),
            "name": rows[i]["source_uri"],
            "title": rows[i]["title"] or rows[i]["source_uri"],
            "description": f"{rows[i]['source_uri']} in dataset {tag}: {rows[i]['sections']} sections",
            "mimeType": MIME_TYPE,
        }
        for i in document_ids
        if i in rows
    ]


def _text(passage: Passage) -> str:
    if passage.next_start is None:
        return passage.text
    address = f"{document_uri(passage.tag, passage.document_id)}?start={passage.next_start}"
    return (
        f"{passage.text}\n[Sections {passage.start + 1} to {passage.next_start} of {passage.total}. "
        f"Read {address} for the next.]\n"
    )
