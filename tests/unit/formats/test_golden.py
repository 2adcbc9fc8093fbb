"""What parsing and extraction give for a few documents is written down: a change of output needs a change of version.

To write the files again after raising PARSE_VERSION or EXTRACT_VERSION: `python tests/unit/formats/test_golden.py`
(with `include` on PYTHONPATH).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from docgraph.domain.documents import Extraction, ParsedDocument
from docgraph.domain.identity import document_id
from docgraph.extraction import EXTRACT_VERSION, ExtractOptions, extract
from docgraph.formats import PARSE_VERSION, ParseOptions, content_type_of, parse
from docgraph.formats.registry import versions

GOLDEN = Path(__file__).parent / "golden"
DOCUMENTS = sorted((GOLDEN / "documents").iterdir())
BUILT_IN_ONLY = ExtractOptions(
    rules=(
        "shell-command",
        "inline-command",
        "inline-option",
        "heading-option",
        "environment-variable",
        "configuration-block",
        "configuration-prose",
        "tool-error",
        "http-status",
        "inline-symbol",
        "python-definition",
        "heading-term",
    )
)


def outputs(path: Path) -> dict[str, Any]:
    uri = f"upload:///handbook/{path.name}"
    parsed = parse(
        path.read_bytes(),
        document_id=document_id("golden", uri),
        source_uri=uri,
        tag="golden",
        content_type=str(content_type_of(path.name)),
        options=ParseOptions(),
    )
    return {
        "parse_version": PARSE_VERSION,
        "format_version": versions()[parsed.format],
        "extract_version": EXTRACT_VERSION,
        "parsed": TypeAdapter(ParsedDocument).dump_python(parsed, mode="json"),
        "extraction": TypeAdapter(Extraction).dump_python(extract(parsed, BUILT_IN_ONLY), mode="json"),
    }


def golden_file(path: Path) -> Path:
    return GOLDEN / f"{path.name}.json"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_an_output_does_not_change_without_a_new_version(path: Path) -> None:
    written = json.loads(golden_file(path).read_text(encoding="utf-8"))
    now = outputs(path)
    advice = "the output changed: raise {} and write the golden files again (see the top of this file)"
    assert now["parse_version"] == written["parse_version"], "PARSE_VERSION was raised: write the golden files again"
    assert now["format_version"] == written["format_version"], (
        "the format's version was raised: write the golden files again"
    )
    assert now["parsed"] == written["parsed"], advice.format("the format's version, or PARSE_VERSION,")
    assert now["extract_version"] == written["extract_version"], (
        "EXTRACT_VERSION was raised: write the golden files again"
    )
    assert now["extraction"] == written["extraction"], advice.format("EXTRACT_VERSION")


def test_an_artifact_reads_back_as_what_was_stored() -> None:
    for path in DOCUMENTS:
        now = outputs(path)
        parsed = TypeAdapter(ParsedDocument).validate_python(now["parsed"])
        assert TypeAdapter(ParsedDocument).dump_python(parsed, mode="json") == now["parsed"]


if __name__ == "__main__":
    for document in DOCUMENTS:
        text = json.dumps(outputs(document), ensure_ascii=False, indent=1, sort_keys=True)
        golden_file(document).write_text(text + "\n", encoding="utf-8")
