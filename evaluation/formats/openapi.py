"""GitHub's description of its API (13 MB), and its truth: operations, tags, schemas and descriptions as Python's json finds them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from evaluation.formats.measuring import Case, Truth, folded
from evaluation.formats.packages import npm

_PACKAGE, _VERSION, _FILE = "@octokit/openapi", "23.0.2", "generated/api.github.com.json"
_METHODS = frozenset({"get", "put", "post", "delete", "options", "head", "patch", "trace"})


def cases(folder: Path) -> Iterator[Case]:
    """Yield the description; its package is fetched into `folder` once."""
    data = (npm(_PACKAGE, _VERSION, folder) / _FILE).read_bytes()
    yield Case("openapi", "OpenAPI 3.1 (GitHub)", "api.github.com.json", data, _truth(json.loads(data)))


def _truth(root: dict[str, Any]) -> Truth:
    named = [((1, root["info"]["title"]), frozenset[str]())]
    operations = [
        operation
        for key in ("paths", "x-webhooks")
        for path in root[key].values()
        for method, operation in path.items()
        if method in _METHODS
    ]
    used = {operation["tags"][0] for operation in operations if operation.get("tags")}
    named += [((2, tag), frozenset[str]()) for tag in sorted(used | {tag["name"] for tag in root["tags"]})]
    named += [
        ((3 if operation.get("tags") else 2, folded(operation["summary"])), frozenset({operation["operationId"]}))
        for operation in operations
    ]
    named += [((3, name), frozenset({f"/components/schemas/{name}"})) for name in root["components"]["schemas"]]
    words = " ".join(_descriptions({key: root[key] for key in ("info", "tags", "paths", "x-webhooks", "components")}))
    return Truth(tuple(heading for heading, _ in named), (), words, "", tuple(anchors for _, anchors in named))


def _descriptions(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in ("description", "summary") and isinstance(inner, str):
                yield inner
            yield from _descriptions(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _descriptions(inner)
