"""The sidecar of the Airflow deployment: health, jobs, progress, search, and background workers (dispatcher, reaper, gate).

Entry points only: the logic is in `docgraph`. `embedding_server` is a process of its own.
"""
