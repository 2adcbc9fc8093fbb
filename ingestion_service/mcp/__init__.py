"""The Model Context Protocol: docgraph's datasets for language-model agents, at `/mcp` of the sidecar.

`tools` says what an agent can do, `answers` what it gets, `resources` how documents are listed and read, `endpoint` how HTTP
reaches them. All of it reads; nothing an agent calls changes a document.
"""

from __future__ import annotations

from ingestion_service.mcp.endpoint import PATH, McpEndpoint

__all__ = ["PATH", "McpEndpoint"]
