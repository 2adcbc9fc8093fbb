"""Helpers that need no server."""
