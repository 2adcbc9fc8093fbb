"""OpenAPI and JSON Schema: operations and schemas as sections, what they say as written, and no reference that leads outside followed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from docgraph.domain.documents import ParsedDocument
from docgraph.domain.errors import DocumentError, DocumentUnreadableError, UnsupportedFormatError
from docgraph.formats.base import CERTAIN, IMPOSSIBLE, LIKELY
from docgraph.formats.description import sniff_json_schema, sniff_openapi
from docgraph.formats.description.loading import as_json, load
from support.unit.formats_samples import read as read_document
from support.unit.formats_samples import under_hash_seeds

API = """# the pump
openapi: 3.1.0
info:
  title: Pump API
  version: 3.10
  description: |
    Steers *pumps*.

    ## Limits

    Ten a day.

    ```sh
    curl it
    ```
servers: [{url: https://pumps.example.org}]
tags: [{name: pumps, description: All pumps.}, {name: unused}]
security: []
x-name: &name {type: string, description: Its name.}
paths:
  /pumps/{id}:
    parameters:
      - {name: id, in: path, required: true, schema: {type: string}, description: Of the path.}
      - $ref: '#/components/parameters/Verbose'
      - $ref: 'https://example.invalid/p.yaml#/P'
    get:
      operationId: getPump
      tags: [pumps]
      summary: Show a pump
      description: Shows one pump.
      security: [{key: []}]
      parameters: [{name: id, in: path, required: true, schema: {type: integer}, description: Of the operation.}]
      responses:
        200: {description: The pump., content: {application/json: {schema: {$ref: '#/components/schemas/Pump'},
          examples: {sample: {$ref: '#/components/examples/Sample'}}}}}
        404: {$ref: 'https://example.invalid/common.yaml#/NotFound'}
        5XX: {$ref: '#/components/responses/Broken'}
    delete:
      deprecated: true
      requestBody: {required: true, description: Why., content: {application/json: {schema: {type: object,
        properties: {why: {type: string, enum: [old, broken]}}}}}}
      responses: {204: {description: Gone.}}
components:
  parameters:
    Verbose: {name: verbose, in: query, schema: {type: boolean, default: false}, description: Say more.}
  examples: {Sample: {summary: One pump, value: {name: no, size: 1e3, on: true, code: '010'}}}
  responses:
    Broken: {description: Broken., headers: {Retry-After: {schema: {type: integer}, description: Seconds.}}}
  securitySchemes: {key: {type: apiKey, in: header, name: X-Key, description: A key.}}
  schemas:
    Pump:
      type: object
      description: A pump.
      required: [name]
      properties:
        name: *name
        next: {$ref: '#/components/schemas/Pump'}
        valve: {type: object, properties: {open: {type: boolean, description: Whether it is open.}}}
        kinds: {type: array, items: {type: string}, minItems: 1}
        long: {type: string, description: "First.\\n\\n- one\\n- two"}
    Any: {oneOf: [{$ref: '#/components/schemas/Pump'}, {type: 'null'}]}
"""
SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "https://example.invalid/pump.json",
    "title": "Pump settings",
    "description": "What pump.toml may say.",
    "type": "object",
    "required": ["port"],
    "properties": {
        "port": {"type": "integer", "minimum": 1, "maximum": 9, "description": "Where it listens."},
        "tls": {"$ref": "#/$defs/tls"},
        "far": {"$ref": "https://example.invalid/far.json"},
        "list": {"type": "array", "items": {"type": "object", "properties": {"a": {"const": 1.50}}}},
    },
    "patternProperties": {"^x-": {"type": ["string", "null"]}},
    "additionalProperties": False,
    "$defs": {
        "tls": {
            "type": "object",
            "title": "TLS",
            "properties": {"on": {"type": "boolean", "description": "Whether it is on."}},
        }
    },
}


def read(text: str | bytes, name: str = "pets.openapi.yaml", content_type: str = "") -> ParsedDocument:
    return read_document(text, name=name, content_type=content_type)


def sections(parsed: ParsedDocument) -> dict[tuple[str, ...], tuple[str, str]]:
    found: dict[tuple[str, ...], tuple[str, str]] = {}
    for section, place in zip(parsed.sections, parsed.places, strict=True):
        before = found.get(section.heading_path, (place.anchor, ""))
        found[section.heading_path] = (before[0], f"{before[1]}\n\n{section.text}".strip())
    return found


def test_an_operation_is_a_section_under_its_tag_with_its_id_as_anchor() -> None:
    found = sections(read(API))
    anchor, text = found["Pump API", "pumps", "Show a pump"]
    assert anchor == "getPump"
    for words in (
        "`GET /pumps/{id}`",
        "Shows one pump.",
        "| id | path, integer | yes | Of the operation. |",
        "| verbose | query, boolean, default false |  | Say more. |",
        "https://example.invalid/p.yaml#/P",
        "| 200 | application/json: Pump | The pump. |",
        "| 404 | https://example.invalid/common.yaml#/NotFound |  |",
        "| 5XX |  | Broken. |",
        "| Retry-After | integer |  | Seconds. |",
        "Security: key",
        "Example: One pump",
    ):
        assert words in text
    assert "Of the path." not in text
    assert found["Pump API", "pumps"] == ("", "All pumps.")


def test_an_operation_without_id_and_summary_is_called_by_its_method_and_path() -> None:
    anchor, text = sections(read(API))["Pump API", "DELETE /pumps/{id}"]
    assert anchor == "/paths/~1pumps~1{id}/delete"
    assert "Deprecated." in text
    assert "Request body (required)\n\nWhy." in text
    assert "| why | string, one of old, broken |  |  |" in text
    assert "Of the path." in text


def test_descriptions_are_markdown_below_the_heading_that_they_describe() -> None:
    parsed = read(API)
    found = sections(parsed)
    assert found["Pump API",][1] == "Version 3.10\n\nServer: https://pumps.example.org\n\nSteers *pumps*."
    assert found["Pump API", "Limits"] == ("limits", "Ten a day.\n\n```sh\ncurl it\n```")
    assert ("sh", "curl it") in [(block.language, block.text) for block in parsed.code_blocks]


def test_schemas_are_sections_under_their_pointers_with_properties_as_rows() -> None:
    parsed = read(API)
    anchor, text = sections(parsed)["Pump API", "Schemas", "Pump"]
    assert anchor == "/components/schemas/Pump"
    for row in (
        "| name | string | yes | Its name. |",
        "| next | Pump |  |  |",
        "| valve.open | boolean |  | Whether it is open. |",
        "| kinds | array of string, minItems 1 |  |  |",
        "| long | string |  |  |",
    ):
        assert row in text
    assert text.endswith("long:\n\nFirst.\n\n- one\n- two")
    assert sections(parsed)["Pump API", "Schemas", "Any"][1] == "Type: one of Pump, null"
    assert ("upload:///pets.openapi.yaml", "/components/schemas/Pump") in [
        (x.target_uri, x.anchor) for x in parsed.links
    ]
    assert "apiKey, header, X-Key" in sections(parsed)["Pump API", "Security schemes"][1]


def test_values_stay_as_they_are_written() -> None:
    blocks = [block.text for block in read(API).code_blocks if block.language == "json"]
    assert blocks == ['{\n  "name": "no",\n  "size": 1e3,\n  "on": true,\n  "code": "010"\n}']


def test_json_and_yaml_of_the_same_api_give_the_same_sections() -> None:
    root, _ = load(API, "a")
    left, right = read(API), read(as_json(root))
    assert [(s.heading_path, s.text) for s in left.sections] == [(s.heading_path, s.text) for s in right.sections]
    assert {left.format, right.format} == {"openapi"}


def test_a_schema_gives_its_properties_and_a_section_for_each_definition() -> None:
    parsed = read(json.dumps(SCHEMA), "pump.schema.json")
    found = sections(parsed)
    for row in (
        "| port | integer, minimum 1, maximum 9 | yes | Where it listens. |",
        "| far | https://example.invalid/far.json |  |  |",
        "| list[].a | const 1.5 |  |  |",
        "| ^x- | string or null |  |  |",
    ):
        assert row in found["Pump settings",][1]
    assert found["Pump settings", "TLS"] == (
        "/$defs/tls",
        "`tls`\n\nType: object\n\n| Property | Type | Required | Description |\n| --- | --- | --- | --- |\n"
        "| on | boolean |  | Whether it is on. |",
    )


def test_nothing_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    def refuse(*_: object) -> None:
        raise AssertionError("an address was asked for")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    read(API)
    read(json.dumps(SCHEMA), "pump.schema.json")


def test_schemas_that_contain_themselves_end() -> None:
    parsed = read(
        "openapi: 3.0.0\ninfo: {title: A}\ncomponents: {schemas: {A: &a {properties: {b: *a, c: {type: string}}}}}\n"
    )
    assert "| c | string |" in parsed.sections[-1].text


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ("openapi: 3.0.0\ninfo: {", DocumentUnreadableError, "well-formed"),
        ('{"openapi": "3.0.0", ', DocumentUnreadableError, "well-formed"),
        ("openapi: 3.0.0\na: *none\n", DocumentUnreadableError, "well-formed"),
        ("openapi: 3.0.0\na: " + "[" * 200 + "]" * 200, DocumentUnreadableError, "nesting"),
        ('{"openapi": "3.0.0", "a": ' + "[" * 100_000, DocumentUnreadableError, "well-formed"),
        ("- a\n- b\n", DocumentUnreadableError, "no mapping"),
        ("swagger: '2.0'\n", UnsupportedFormatError, "OpenAPI 3"),
    ],
)
def test_what_can_t_be_read_is_refused_with_the_reason(text: str, kind: type[DocumentError], said: str) -> None:
    with pytest.raises(kind, match=said):
        read(text, content_type="application/vnd.oai.openapi")


def test_wrong_types_anywhere_cost_only_what_they_describe() -> None:
    parsed = read(
        "openapi: 3.0.0\ninfo: [1]\ntags: {a: b}\npaths:\n  /a: 1\n  /b: {get: [], post: "
        "{parameters: x, responses: [1], tags: 3, security: a}}\n"
        "components: {schemas: {A: 1, B: true, C: {type: 5, enum: a, properties: [1], required: 2, allOf: {a: 1}, items: [1]}}}\n"
    )
    assert ("API", "POST /b") in sections(parsed)


def test_a_key_that_stands_twice_is_said_and_the_last_one_holds() -> None:
    parsed = read("openapi: 3.0.0\ninfo:\n  title: A\n  title: B\n  version: 1\n")
    assert parsed.title == "B"
    assert parsed.warnings == ("Line 4: the key 'title' stands twice in one mapping, and its last value holds",)


def test_aliases_that_multiply_stay_within_bounds() -> None:
    lines = ["a0: &a0 {type: string}"]
    lines += [f"a{n}: &a{n} {{allOf: [{', '.join([f'*a{n - 1}'] * 10)}]}}" for n in range(1, 10)]
    text = "openapi: 3.0.0\ninfo: {title: A}\n" + "\n".join(lines)
    parsed = read(f"{text}\ncomponents: {{schemas: {{A: *a9, B: {{example: *a9}}}}}}\n")
    assert sum(len(section.text) for section in parsed.sections) < 3_000_000


@pytest.mark.parametrize(
    ("data", "openapi", "schema"),
    [
        (API.encode(), LIKELY, IMPOSSIBLE),
        (b'{"openapi": "3.1.0"}', CERTAIN, IMPOSSIBLE),
        (json.dumps(SCHEMA).encode(), IMPOSSIBLE, CERTAIN),
        (b"$schema: https://json-schema.org/draft/2020-12/schema\ntype: object\n", IMPOSSIBLE, LIKELY),
        (b"# Title\n\n```yaml\nopenapi: 3.1.0\n```\n", IMPOSSIBLE, IMPOSSIBLE),
        (b'{"name": "next"}', IMPOSSIBLE, IMPOSSIBLE),
        (b"\x00", IMPOSSIBLE, IMPOSSIBLE),
    ],
)
def test_descriptions_are_recognised_by_the_version_they_name(data: bytes, openapi: float, schema: float) -> None:
    assert (sniff_openapi(data), sniff_json_schema(data)) == (openapi, schema)


def test_the_same_bytes_give_the_same_sections_under_any_hash_seed() -> None:
    program = (
        "import sys; from support.unit.formats_samples import read; "
        "print([s.section_id for s in read(sys.stdin.read(), name='openapi.yaml', content_type='').sections])"
    )
    answers = under_hash_seeds(program, text=API)
    assert len(answers) == 1
