"""Build the vector index of one shard folder and end; started by `upkeep` on a copy that nobody else uses.

It is a script of its own, because the engine holds the interpreter lock while it builds.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

import qdrant_edge as edge

_PR_SET_PDEATHSIG = 1


def main(folder: str) -> None:
    """Optimize the shard in `folder`, giving way to every other process of the machine."""
    os.nice(19)
    # When the server is killed, nobody wants this result any more.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    shard = edge.EdgeShard.load(folder)
    shard.optimize()
    shard.flush()
    shard.close()


if __name__ == "__main__":
    main(sys.argv[1])
