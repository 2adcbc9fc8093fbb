"""The sidecar of the Airflow deployment: health, jobs, progress, search, and the three watchmen (dispatcher, reaper, gate).

Doors only: the logic is in `docgraph`. `embedding_server` is a process of its own.
"""
