"""Start the local Qdrant server: `python -m qdrant_local --port 6333 --data var/qdrant`."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import time
from pathlib import Path

import uvicorn

from qdrant_local.app import create_app
from qdrant_local.errors import DataFolderError
from qdrant_local.store import Store

_LOG = logging.getLogger("qdrant_local")

EXIT_DATA_FOLDER = 3


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; return 0, or 3 if the data folder can't be opened."""
    parser = argparse.ArgumentParser(prog="qdrant_local", description="The local Qdrant server of docgraph.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=6333, help="port to listen on (default: %(default)s)")
    parser.add_argument("--data", type=Path, required=True, help="folder of the data; one process at a time")
    parser.add_argument(
        "--api-key-env",
        metavar="NAME",
        default="QDRANT__SERVICE__API_KEY",
        help="environment variable that holds the API key; unset or empty: none is asked for (default: %(default)s)",
    )
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")

    started = time.monotonic()
    try:
        store = Store.open(options.data.resolve())
    except DataFolderError as error:
        print(error, file=sys.stderr)
        return EXIT_DATA_FOLDER
    api_key = os.environ.get(options.api_key_env) or None
    _LOG.info(
        "loaded %d collections from %s in %.1f s; %s; listening on http://%s:%d",
        len(store.names()),
        options.data,
        time.monotonic() - started,
        "an API key is required" if api_key else "no API key is required",
        options.host,
        options.port,
    )
    # uvicorn shuts down on these signals and raises them again afterwards; a clean stop ends with 0, not by a signal.
    for stop in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stop, lambda _number, _frame: None)
    uvicorn.run(
        create_app(store, api_key),
        host=options.host,
        port=options.port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=3,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
