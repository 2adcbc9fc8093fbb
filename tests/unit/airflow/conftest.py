"""Airflow reads its settings when it is first imported, and writes what it misses: into a folder that is nobody's."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

if "airflow" not in sys.modules:
    os.environ["AIRFLOW_HOME"] = str(Path(tempfile.gettempdir()) / f"docgraph-unit-airflow-{os.getuid()}")
