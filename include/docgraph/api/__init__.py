"""The HTTP contract: request and answer models, shared by the routes, the command line and MCP. No logic is here.

`base` has what all models are; the others are named after what they speak of, as the routes are.
"""
