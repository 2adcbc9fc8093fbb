"""The HTTP contract: request and answer models, shared by the routes, the command line and MCP."""
