"""A local Qdrant: the part of Qdrant's REST API that docgraph uses, over Qdrant's own engine in one process.

It is for one machine without Docker. It does not cluster, replicate, snapshot or quantise; where docgraph runs in
earnest, a real Qdrant takes its place by changing one URL.
"""

from __future__ import annotations
