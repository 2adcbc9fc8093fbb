"""The DAGs that wait at the configured sources: `watch_<name>`, `watch_filesystem` where none is configured."""

from __future__ import annotations

from docgraph.airflow.watching import watch_dags

globals().update(watch_dags())
