"""The endpoint: MCP's streamable HTTP at one path of the sidecar, behind the same bearer token as the other routes.

Stateless and answered in JSON: any replica can answer any request, and a proxy needs no special care.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from mcp.server import MCPServer
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from starlette.types import Receive, Scope, Send

from docgraph import __version__
from docgraph.runtime.web import ApiError
from docgraph.settings import Settings
from ingestion_service.mcp.resources import add_resources
from ingestion_service.mcp.tools import INSTRUCTIONS, add_tools
from ingestion_service.service import Service

PATH = "/mcp"
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


class McpEndpoint:
    """An ASGI application for one path; it answers while `running` is entered."""

    def __init__(self, service: Service) -> None:
        """Prepare the server; nothing is connected before the first call."""
        self._service = service
        self._manager: StreamableHTTPSessionManager | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Answer requests until the context is left; may be entered again, because each time has a server of its own."""
        server = create_server(self._service)
        # Makes the session manager; its Starlette application isn't used, because its route and lifespan are ours.
        server.streamable_http_app(
            json_response=True, stateless_http=True, transport_security=allowed_callers(self._service.settings)
        )
        async with server.session_manager.run():
            self._manager = server.session_manager
            try:
                yield
            finally:
                self._manager = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the SDK answer; the token was checked on the way here."""
        if self._manager is None:
            raise ApiError(503, "not_running", "The MCP server is starting or ending.", "Try again in a moment.")
        await self._manager.handle_request(scope, receive, send)


def create_server(service: Service) -> MCPServer:
    """Return the MCP server with its tools and resources, not tied to a transport."""
    server: MCPServer = MCPServer(
        "docgraph",
        title="docgraph",
        description="Documentation as a knowledge graph and a vector index that are in step.",
        instructions=INSTRUCTIONS,
        version=__version__,
        subscriptions=False,
        log_level="WARNING",
    )
    add_tools(server, service)
    add_resources(server, service)
    return server


def allowed_callers(settings: Settings) -> TransportSecuritySettings:
    """Return the hosts and origins that requests may name: loopback, and the service's own address.

    A page in a user's browser whose name resolves to 127.0.0.1 (DNS rebinding) names another host and is refused.
    """
    own = urlsplit(settings.service_url)
    hosts = [name for host in _LOOPBACK for name in (host, f"{host}:*")]
    return TransportSecuritySettings(
        allowed_hosts=[*hosts, own.netloc],
        allowed_origins=[*(f"http://{host}" for host in hosts), f"{own.scheme}://{own.netloc}"],
    )
