"""Frozen types and pure rules, without any I/O."""
