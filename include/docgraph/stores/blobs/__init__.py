"""Bytes by key: the port (`base`), a folder (`local`) and memory for unit tests (`memory`)."""
