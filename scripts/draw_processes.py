"""Draws docs/images/processes.svg: the processes of a deployment, what each keeps, and who speaks to whom.

Ports are those of the local stack, from the settings, so that the picture can't disagree with the code; a test compares.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from docgraph.settings import DEFAULT_PORT_BASE, PORT_OFFSETS

TARGET = Path(__file__).resolve().parents[1] / "docs" / "images" / "processes.svg"
WIDTH, HEIGHT = 920, 415
STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #1f2933; }
  .name { font-weight: 600; font-size: 14px; }
  .small { font-size: 11.5px; fill: #52606d; }
  rect { fill: #f7f9fb; stroke: #9aa5b1; rx: 6; }
  .store { fill: #e6f2ee; stroke: #5a9a86; }
  .person { fill: #fff; stroke-dasharray: 4 3; }
  path { fill: none; stroke: #616e7c; stroke-width: 1.4; marker-end: url(#tip); }
"""


@dataclass(frozen=True, slots=True)
class Box:
    """A process (or who uses it), with what it does in a line or two."""

    x: int
    y: int
    width: int
    name: str
    lines: tuple[str, ...]
    kind: str = ""

    @property
    def height(self) -> int:
        """Height that the lines need."""
        return 30 + 16 * len(self.lines)


def port(name: str) -> int:
    """Return the port of a service of the local stack."""
    return DEFAULT_PORT_BASE + PORT_OFFSETS[name]


BOXES = {
    "files": Box(20, 30, 200, "ingest/watch/TAG/", ("a team drops files",), "person"),
    "cli": Box(247, 30, 200, "ingestctl", ("people and scripts",), "person"),
    "agent": Box(474, 30, 200, "agent or application", ("HTTP, MCP",), "person"),
    "browser": Box(700, 30, 200, "Airflow's UI, reports", ("the platform engineer",), "person"),
    "service": Box(
        247,
        150,
        427,
        f"ingestion service :{port('sidecar')}",
        ("jobs, search, MCP, health, metrics, events", "workers: dispatcher (starts runs), reaper, gate"),
    ),
    "airflow": Box(
        700, 150, 200, f"Airflow :{port('airflow')}", ("watches, runs, retries,", "shows: six stages, report")
    ),
    "embedder": Box(40, 330, 190, f"embeddings :{port('embedder')}", ("the warm model",)),
    "redis": Box(246, 330, 150, f"Redis :{port('redis')}", ("queue, states, events",), "store"),
    "neo4j": Box(412, 330, 160, f"Neo4j :{port('neo4j-bolt')}", ("graph: truth, pointer",), "store"),
    "qdrant": Box(588, 330, 130, f"Qdrant :{port('qdrant')}", ("vectors",), "store"),
    "blobs": Box(734, 330, 150, "blob store", ("snapshots, reports",), "store"),
}
ARROWS = (
    "M 347 76 V 148",
    "M 574 76 V 148",
    "M 800 76 V 148",
    "M 120 76 V 112 H 740 V 148",
    "M 674 181 H 698",
    "M 460 212 V 288",
    "M 800 212 V 288",
)
#: What both the service and Airflow's tasks use.
FRAME = (20, 290, 880, 105)


def picture() -> str:
    """Return the picture as SVG."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img">',
        "<title>The processes of docgraph</title>",
        f"<style>{STYLE}</style>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<polygon points="0,0 8,4 0,8" fill="#616e7c"/></marker></defs>',
        f'<rect x="0" y="0" width="{WIDTH}" height="{HEIGHT}" style="fill:#fff;stroke:none"/>',
        '<rect class="person" x="{}" y="{}" width="{}" height="{}"/>'.format(*FRAME),
        f'<text class="small" x="{FRAME[0] + 20}" y="{FRAME[1] + 22}">stores and models, used by both</text>',
        *(f'<path d="{path}"/>' for path in ARROWS),
    ]
    for box in BOXES.values():
        parts.append(
            f'<rect class="{box.kind}" x="{box.x}" y="{box.y}" width="{box.width}" height="{box.height}"/>'
            f'<text class="name" x="{box.x + 12}" y="{box.y + 21}">{escape(box.name)}</text>'
        )
        parts += [
            f'<text class="small" x="{box.x + 12}" y="{box.y + 38 + 16 * number}">{escape(line)}</text>'
            for number, line in enumerate(box.lines)
        ]
    return "\n".join([*parts, "</svg>", ""])


def main() -> int:
    """Write the picture."""
    TARGET.write_text(picture(), encoding="utf-8")
    sys.stdout.write(f"{TARGET}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
