"""Reads descriptions of APIs and data: OpenAPI 3.x and JSON Schema, in JSON or YAML. References inside the document are followed,
all others are only named; nothing is fetched and nothing is validated."""

from __future__ import annotations

import re

from docgraph.domain.content_types import kind_of
from docgraph.domain.errors import UnsupportedFormatError
from docgraph.formats.base import CERTAIN, IMPOSSIBLE, LIKELY, Format, Read, Source, built_in
from docgraph.formats.decoding import decode, sniff_text
from docgraph.formats.description.loading import Map, load
from docgraph.formats.writer import OutlineWriter

_SAMPLE = 65_536
_JSON_OPENAPI = re.compile(rb'"openapi"\s*:\s*"3\.\d')
_YAML_OPENAPI = re.compile(rb"^openapi\s*:\s*[\"']?3\.\d", re.MULTILINE)
_JSON_SCHEMA = re.compile(rb'"\$schema"\s*:\s*"https?://json-schema\.org/')
_YAML_SCHEMA = re.compile(rb"^\$schema\s*:\s*[\"']?https?://json-schema\.org/", re.MULTILINE)
#: White space in front of a comment ends with its line: one that could reach over lines would be tried in every combination.
_FIRST_KEY = re.compile(rb"(?:[^\S\n]*(?:#[^\n]*|%[^\n]*|---[^\n]*)?\n)*[\"']?[\w$.-]+[\"']?\s*:(?:\s|$)")


def _sniff(data: bytes, in_json: re.Pattern[bytes], in_yaml: re.Pattern[bytes]) -> float:
    sample = data[:_SAMPLE].removeprefix(b"\xef\xbb\xbf")
    if not sniff_text(data):
        return IMPOSSIBLE
    if sample.lstrip()[:1] == b"{":
        return CERTAIN if in_json.search(sample) else IMPOSSIBLE
    return LIKELY if _FIRST_KEY.match(sample) and in_yaml.search(sample) else IMPOSSIBLE


def sniff_openapi(data: bytes) -> float:
    """Tell whether the bytes are a mapping that names a version of OpenAPI."""
    return _sniff(data, _JSON_OPENAPI, _YAML_OPENAPI)


def sniff_json_schema(data: bytes) -> float:
    """Tell whether the bytes are a mapping that names a draft of JSON Schema."""
    score = _sniff(data, _JSON_SCHEMA, _YAML_SCHEMA)
    # A description of an API may name the draft that its schemas follow.
    return IMPOSSIBLE if score and sniff_openapi(data) else score


def read_openapi(data: bytes, source: Source) -> Read:
    """Read the description of an API.

    Raises:
        DocumentError: the bytes are no mapping in JSON or YAML, or describe no API.
    """
    from docgraph.formats.description.openapi import write_openapi

    writer, root = _loaded(data, source)
    if not str(root.get("openapi", "")).startswith("3"):
        raise UnsupportedFormatError(
            f"{source.uri} is no description of an API in OpenAPI 3: its key `openapi` is {root.get('openapi', 'missing')!r}. "
            "Convert it to OpenAPI 3, or drop it as what it is."
        )
    write_openapi(root, writer)
    return Read(*writer.read())


def read_json_schema(data: bytes, source: Source) -> Read:
    """Read a JSON Schema of any draft.

    Raises:
        DocumentError: the bytes are no mapping in JSON or YAML.
    """
    from docgraph.formats.description.json_schema import write_json_schema

    writer, root = _loaded(data, source)
    write_json_schema(root, writer, source.uri)
    return Read(*writer.read())


def _loaded(data: bytes, source: Source) -> tuple[OutlineWriter, Map]:
    text = decode(data, source.uri)
    writer = OutlineWriter()
    root, warnings = load(text, source.uri)
    for warning in warnings:
        writer.warn(warning)
    return writer, root


OPENAPI: Format = built_in(kind_of("openapi"), 1, sniff_openapi, read_openapi)
JSON_SCHEMA: Format = built_in(kind_of("json-schema"), 1, sniff_json_schema, read_json_schema)
