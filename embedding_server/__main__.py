"""Run the embedder: `python -m embedding_server --host 127.0.0.1 --port 9105 [--model FOLDER] [--pooling cls] [--engine torch]`.

Ends with exit code 1 when the model can't be loaded, so that a supervisor sees it.
"""

from __future__ import annotations

import argparse
import logging
import sys

import uvicorn

from docgraph.settings import DEFAULT_PORT_BASE, PORT_OFFSETS, Settings
from embedding_server.app import create_app
from embedding_server.engines import ENGINES, choose
from embedding_server.folder import POOLINGS


def main() -> int:
    """Serve until SIGTERM; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m embedding_server", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT_BASE + PORT_OFFSETS["embedder"])
    parser.add_argument("--model", help="folder of another sentence-transformers model")
    parser.add_argument("--pooling", choices=POOLINGS, help="another pooling than the model's own (plain BERT only)")
    parser.add_argument("--engine", choices=ENGINES, help="what computes (default: DOCGRAPH_EMBED_ENGINE, else auto)")
    parser.add_argument("--max-wait", type=float, default=0.004, help="seconds that a bulk batch waits to fill")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")

    failed = False

    def fail() -> None:
        nonlocal failed
        failed = True
        server.should_exit = True

    settings = Settings.load()
    app = create_app(
        lambda: choose(arguments.model, arguments.pooling, arguments.engine or settings.embed_engine),
        api_key=settings.embeddings_api_key,
        max_wait=arguments.max_wait,
        on_failure=fail,
    )
    config = uvicorn.Config(
        app,
        host=arguments.host,
        port=arguments.port,
        log_level="info",
        access_log=False,
        timeout_graceful_shutdown=10,
    )
    server = uvicorn.Server(config)
    server.run()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
