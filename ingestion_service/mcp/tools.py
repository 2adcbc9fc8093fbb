"""The MCP tools: what an agent can ask. Each is thin: it calls the same retrieval as every other adapter.

Tools are plain functions that run in worker threads, those of searches: no store call blocks the event loop. What goes wrong is a
tool error whose text says what to do, so that the model can go on; only a fault of ours is an internal error.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import Annotated, ParamSpec, TypeVar

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import CallToolResult, ToolAnnotations
from pydantic import Field

from docgraph import retrieval
from docgraph.domain.errors import DocgraphError
from docgraph.retrieval import UnknownDatasetError, passages
from ingestion_service.http.routes import datasets as datasets_route
from ingestion_service.lanes import in_lane
from ingestion_service.mcp.answers import (
    DatasetsReply,
    NearbyPlace,
    NeighboursReply,
    ReadinessReply,
    SearchReply,
    SectionReply,
    dataset_entry,
)
from ingestion_service.readiness import REQUIRED, dataset_readiness
from ingestion_service.runtime import EMBED_SECONDS
from ingestion_service.service import Service

P = ParamSpec("P")
R = TypeVar("R")

#: More hits than this cost an agent more than they tell it.
MAX_HITS = 20
#: Seconds that a store may take to say that it is there.
PATIENCE = 0.8

INSTRUCTIONS = (
    "docgraph answers questions from documentation that it has indexed as a knowledge graph and a vector index. "
    "Call list_datasets once to learn the tags. Then search with the user's question in full; read_section gives the whole "
    "text of a hit, neighbours what stands around it. Cite source_uri with the anchor. A low confidence means that the "
    "documentation does not answer the question: say so instead of guessing."
)

Tag = Annotated[str, Field(description="The dataset to ask, as list_datasets names it.", max_length=63)]
SectionId = Annotated[
    str, Field(description="The section_id of a hit of search, or of a place that neighbours gave.", max_length=64)
]


def add_tools(server: MCPServer, service: Service) -> None:
    """Give `server` the tools, answered by `service`."""
    runtime = service.runtime

    def search(
        query: Annotated[str, Field(description="The question, in full and in natural language, or exact words.")],
        tag: Tag,
        limit: Annotated[int, Field(description="Maximum number of sections.", ge=1, le=MAX_HITS)] = 5,
    ) -> Annotated[CallToolResult, SearchReply]:
        """Find the sections of a dataset's documentation that answer a question.

        Combines meaning and exact words (identifiers, options and error codes too), so ask once with the whole question
        rather than several times with fragments. Each hit has a snippet, its source to cite, and a section_id for
        read_section. `confidence` tells whether the documentation answers the question at all.
        """
        answer = retrieval.search(
            runtime.graph,
            runtime.searched_vectors,
            runtime.embedder,
            query,
            tag,
            limit=limit,
            related=False,
            embed_within=EMBED_SECONDS,
        )
        return SearchReply.of(answer.as_model()).as_result()

    def read_section(section_id: SectionId) -> Annotated[CallToolResult, SectionReply]:
        """Read one section whole, as Markdown, with the ids of the sections before and after it.

        Use it when a snippet is not enough to answer. For the whole document read the resource in document_uri.
        """
        return SectionReply.from_hit(passages.read_section(runtime.graph, section_id)).as_result()

    def neighbours(section_id: SectionId) -> Annotated[CallToolResult, NeighboursReply]:
        """Show what stands near a section in the knowledge graph.

        The sections before and after it, the one of the heading around it, sections elsewhere that speak of the same rare
        things (commands, options, API names, error codes), and the documents it links to, each with the reason. Use it to
        gather context around a hit.
        """
        graph = runtime.graph
        hit, related = passages.near(graph, section_id, runtime.config.published)
        texts = graph.sections(sorted({place.section_id for place in related if place.section_id}))
        tag = hit.document.tag
        places = [
            NearbyPlace.of(tag, place, texts[place.section_id].text if place.section_id in texts else "")
            for place in related
        ]
        return NeighboursReply(section_id=section_id, tag=tag, places=places).as_result()

    def list_datasets() -> Annotated[CallToolResult, DatasetsReply]:
        """List the datasets (collections of documentation) with their tags, sizes and whether they are ready.

        Call it first: every other question names one of these tags.
        """
        return DatasetsReply(datasets=[dataset_entry(row) for row in datasets_route.datasets(service)]).as_result()

    def readiness(tag: Tag) -> Annotated[CallToolResult, ReadinessReply]:
        """Tell whether a dataset is fit to be queried right now, and if not, why.

        A dataset that is not ready can still be searched, but answers may be incomplete or outdated: tell the user.
        """
        return _readiness(service, tag).as_result()

    for function, title in (
        (search, "Search the documentation"),
        (read_section, "Read a section"),
        (neighbours, "Show what is near a section"),
        (list_datasets, "List the datasets"),
        (readiness, "Is the dataset ready?"),
    ):
        server.add_tool(
            _with_tool_errors(service, function),
            title=title,
            annotations=ToolAnnotations(
                title=title, read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
            ),
        )


def _with_tool_errors(service: Service, function: Callable[P, R]) -> Callable[P, Awaitable[R]]:
    """Run a tool in the lane of searches, and turn the errors that docgraph raises on purpose into errors that the model reads."""

    @functools.wraps(function)
    async def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        return await in_lane(service.lanes.searches, lambda: answered(*args, **kwargs))

    def answered(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except UnknownDatasetError as error:
            raise ToolError(f"{error} The datasets are: {_tags(service)}.") from error
        except DocgraphError as error:
            raise ToolError(str(error)) from error

    return wrapper


def _tags(service: Service) -> str:
    try:
        rows = service.runtime.graph.datasets()
    except DocgraphError:
        return "unknown at this moment, call list_datasets"
    return ", ".join(row["tag"] for row in rows) or "none yet"


def _readiness(service: Service, tag: str) -> ReadinessReply:
    asked = dataset_readiness(service, tag, timeout=PATIENCE)
    missing = {name: asked.checks[name].error for name in REQUIRED if not asked.checks[name].ok}
    reasons = [f"{name} does not answer ({error})." for name, error in missing.items()]
    verdict = asked.last_verdict
    if verdict is None and "redis" not in missing:
        if "neo4j" not in missing and service.runtime.graph.dataset(tag) is None:
            raise UnknownDatasetError(f"No dataset has the tag {tag!r}.")
        reasons.append("No run of it has been judged yet.")
    elif verdict is not None and not verdict.ready:
        reasons.append(f"The last run was judged not ready: {verdict.reasons}.")
    if asked.embedding is not None and not asked.embedding.served:
        reasons.append(str(asked.embedding.error))
    return ReadinessReply(
        tag=tag,
        ready=asked.ready,
        reasons=reasons,
        judged_at=verdict.judged_at if verdict else "",
        report=verdict.report if verdict else "",
        drift_pct=verdict.drift_pct if verdict else "",
    )
