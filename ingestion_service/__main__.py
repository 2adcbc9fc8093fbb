"""Run the sidecar: `python -m ingestion_service --host 127.0.0.1 --port 9108`.

SIGTERM ends streams at once, lets other requests finish for some seconds, and gives the lease back. Exit code 2: the
settings or the configuration can't be used.
"""

from __future__ import annotations

import argparse
import logging
import resource
import sys

import uvicorn

from docgraph.domain.errors import ConfigurationError
from docgraph.settings import DEFAULT_PORT_BASE, PORT_OFFSETS
from ingestion_service.app import create_app
from ingestion_service.http.connections import PatientProtocol

_GRACE_SECONDS = 5


def main() -> int:
    """Serve until SIGTERM; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m ingestion_service", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT_BASE + PORT_OFFSETS["sidecar"])
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # One line a request to a store would bury what is said here.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    # Each client is an open file, each event stream two; the usual soft limit (1,024) is for programs that call select().
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        app = create_app()
    except ConfigurationError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    uvicorn.run(
        app,
        host=arguments.host,
        port=arguments.port,
        http=PatientProtocol,
        log_level="info",
        access_log=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
