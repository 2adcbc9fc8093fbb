"""Writes what `config/ingest.yaml` may hold, from the models that check it: a JSON Schema for editors, and a page for people."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docgraph.runtime.config import IngestConfig
from docgraph.sources.registry import BUILT_IN, SourceKind

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "reference"
SCHEMA, PAGE = FOLDER / "ingest.schema.json", FOLDER / "configuration.md"

_HEAD = """# `config/ingest.yaml`

Written by `scripts/write_configuration_reference.py` from the models that check the file. An unknown key or a value that can't be is an
error that names file, line and key. Editors that know YAML schemas complete keys by [`ingest.schema.json`](ingest.schema.json), which the
first line of the file names. Single values can also be given as `DOCGRAPH_<SECTION>_<KEY>`; addresses and credentials are
[elsewhere](local-stack.md#settings).
"""


def schema() -> dict[str, Any]:
    """Return the JSON Schema of the file."""
    made = IngestConfig.model_json_schema()
    made["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    made["title"] = "config/ingest.yaml of docgraph"
    # Nothing but tags names a dataset.
    made["properties"]["datasets"]["additionalProperties"] = False
    made["$defs"]["SourceConfig"]["properties"]["kind"]["examples"] = [kind.name for kind in BUILT_IN]
    return made


def page() -> str:
    """Return the page."""
    whole = schema()
    blocks = [_HEAD]
    for name, entry in whole["properties"].items():
        blocks.append(f"## `{name}`\n\n{_sentence(_described(entry, whole))}")
        blocks += _tables(_models(entry, whole), whole)
        if name == "sources":
            blocks += [_kind(kind) for kind in BUILT_IN]
    return "\n\n".join(block.strip() for block in blocks) + "\n"


def _models(entry: dict[str, Any], whole: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the models that a value holds, outermost first, by the way to them."""
    named = next(iter(entry.get("patternProperties", {}).values()), None)
    places = [("", entry), ("[]", entry.get("items")), ("TAG", named)]
    for way, place in places:
        reference = place.get("$ref") if isinstance(place, dict) else None
        if reference:
            model = whole["$defs"][reference.rpartition("/")[2]]
            yield way, model
            # A model's own models follow it.
            for key, inner in model["properties"].items():
                yield from ((f"{way}.{key}{below}".lstrip("."), each) for below, each in _models(inner, whole))


def _tables(models: Iterator[tuple[str, dict[str, Any]]], whole: dict[str, Any]) -> Iterator[str]:
    for way, model in models:
        rows = [_row(key, entry, key in model.get("required", ()), whole) for key, entry in model["properties"].items()]
        title = f"`{way}`: {_sentence(model['description'])}\n\n" if way else ""
        yield title + _table(rows)


def _kind(kind: SourceKind) -> str:
    own = kind.options.model_json_schema()
    rows = [_row(key, entry, key in own.get("required", ()), own) for key, entry in own.get("properties", {}).items()]
    head = f"### kind `{kind.name}`\n\nLooked at every {kind.poll_seconds:g} seconds"
    if not rows:
        return f"{head}; no options."
    return f"{head}. `options`: {_sentence(own['description'])}\n\n{_table(rows)}"


def _table(rows: list[str]) -> str:
    return "| key | type | default | what |\n| --- | --- | --- | --- |\n" + "\n".join(rows)


def _row(key: str, entry: dict[str, Any], required: bool, whole: dict[str, Any]) -> str:
    default = "required" if required else _default(entry)
    return f"| `{key}` | {_type(entry, whole)} | {default} | {_described(entry, whole)} |"


def _default(entry: dict[str, Any]) -> str:
    value = entry.get("default")
    if isinstance(value, dict) or (value is None and "anyOf" not in entry):
        return "below" if isinstance(value, dict) and value else "`{}`" if entry.get("type") == "object" else ""
    return f"`{json.dumps(value)}`" if value is not None else "none"


def _described(entry: dict[str, Any], whole: dict[str, Any]) -> str:
    text = entry.get("description")
    if text is None and "$ref" in entry:
        text = whole["$defs"][entry["$ref"].rpartition("/")[2]].get("description")
    return _sentence(text or "")


def _sentence(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def _type(entry: dict[str, Any], whole: dict[str, Any]) -> str:
    if "enum" in entry:
        return " or ".join(f"`{each}`" for each in entry["enum"])
    if "anyOf" in entry:
        return " or ".join(dict.fromkeys(_type(each, whole) for each in entry["anyOf"] if each.get("type") != "null"))
    if "$ref" in entry:
        model = whole["$defs"][entry["$ref"].rpartition("/")[2]]
        return _type(model, whole) if "enum" in model else "section"
    kind = entry.get("type", "")
    if kind == "array":
        return f"list of {_type(entry['items'], whole)}s"
    named = {"integer": "whole number", "string": "text", "boolean": "true or false", "object": "mapping"}.get(
        kind, kind
    )
    bounds = [
        f"{sign} {entry[name]}"
        for name, sign in (("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤"))
        if name in entry
    ]
    return " ".join([named, ", ".join(bounds)]).strip()


def main() -> None:
    """Write both."""
    SCHEMA.write_text(json.dumps(schema(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
