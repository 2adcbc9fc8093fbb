"""Where documents come from: the port (`base`), one file a kind of source, and the configured ones (`registry`).

A source says what has changed and lets go of it; `docgraph.ingest.taking` makes jobs of it.
"""
