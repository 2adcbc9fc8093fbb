"""Says what a schema says: types in a few words, properties as rows, alternatives, limits. References are named, not copied."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from docgraph.formats.description.loading import Map, as_json, items, mapping, text
from docgraph.formats.description.prose import write_prose
from docgraph.formats.writer import Inline, OutlineWriter

_LIMITS = (
    *(
        "format",
        "minimum",
        "exclusiveMinimum",
        "maximum",
        "exclusiveMaximum",
        "multipleOf",
        "minLength",
        "maxLength",
        "pattern",
    ),
    *(
        "minItems",
        "maxItems",
        "uniqueItems",
        "minProperties",
        "maxProperties",
        "contentEncoding",
        "contentMediaType",
        "default",
        "const",
    ),
)
_SWITCHES = ("nullable", "readOnly", "writeOnly", "deprecated")
_ALTERNATIVES = {"allOf": "all of", "anyOf": "any of", "oneOf": "one of"}
#: Inline schemas nested deeper are said by their type alone.
_MAX_DEPTH = 6
_MAX_ROWS = 2_000
_MAX_VALUES = 200
_MAX_SCHEMAS = 5_000


@dataclass(frozen=True, slots=True)
class Row:
    """A property: its dotted name, its type and limits, and its description."""

    name: str
    type: tuple[Inline, ...]
    required: bool
    description: str


def name_of_reference(reference: str) -> str:
    """Return what a reference inside the document calls its target; another one is its address."""
    if not reference.startswith("#"):
        return reference
    return reference.rpartition("/")[2].replace("~1", "/").replace("~0", "~") or reference


def type_of(schema: object, depth: int = 0, left: list[int] | None = None) -> list[Inline]:
    """Say the type of a schema and its limits; `left` is how many schemas inside it are still said."""
    left = [_MAX_SCHEMAS] if left is None else left
    left[0] -= 1
    if left[0] < 0:
        return [Inline("…")]
    if not isinstance(schema, dict):
        return [Inline({"true": "anything", "false": "nothing"}.get(text(schema), ""))]
    if reference := text(schema.get("$ref")) or text(schema.get("$dynamicRef")):
        return [Inline(name_of_reference(reference), reference)]
    pieces: list[Inline] = []
    names = [text(name) for name in items(schema.get("type"))] or [text(schema.get("type"))]
    inner = schema.get("items")
    if "array" in names and isinstance(inner, dict) and depth < _MAX_DEPTH:
        pieces += [Inline("array of "), *type_of(inner, depth + 1, left)]
        names = [name for name in names if name != "array"]
        pieces += [Inline(f" or {name}") for name in names if name]
    elif any(names):
        pieces.append(Inline(" or ".join(filter(None, names))))
    for key, said in _ALTERNATIVES.items():
        options = items(schema.get(key))[:_MAX_VALUES]
        if options and depth < _MAX_DEPTH:
            pieces.append(Inline(f"{', ' if pieces else ''}{said} "))
            for number, option in enumerate(options):
                if left[0] < 0:
                    break
                pieces += [
                    *([Inline(", ")] if number else []),
                    *(type_of(option, depth + 1, left) or [Inline("object")]),
                ]
    if isinstance(schema.get("not"), dict) and depth < _MAX_DEPTH:
        pieces += [Inline(f"{', ' if pieces else ''}not "), *type_of(schema["not"], depth + 1, left)]
    limits = list(_limits(schema))
    if limits:
        pieces.append(Inline(f"{', ' if any(piece.text for piece in pieces) else ''}{', '.join(limits)}"))
    return pieces


def _limits(schema: Map) -> Iterator[str]:
    for key in _LIMITS:
        if key in schema:
            yield f"{key} {_short(schema[key])}"
    if values := items(schema.get("enum")):
        yield f"one of {', '.join(_short(value) for value in values[:_MAX_VALUES])}"
    for key in _SWITCHES:
        if text(schema.get(key)) == "true":
            yield key


def _short(value: object) -> str:
    return text(value) if isinstance(value, str) and value else " ".join(as_json(value).split())


def rows_of(schema: Map, prefix: str = "", depth: int = 0, left: list[int] | None = None) -> Iterator[Row]:
    """Yield the properties of a schema, and of the schemas that stand inside it, of which `left` are still looked into."""
    left = [_MAX_SCHEMAS] if left is None else left
    left[0] -= 1
    if depth > _MAX_DEPTH or left[0] < 0:
        return
    required = {text(name) for name in items(schema.get("required"))}
    for key in ("properties", "patternProperties", "dependentSchemas"):
        for name, inner in mapping(schema.get(key)).items():
            yield from _row(f"{prefix}{name}", inner, name in required, depth, left)
    for key, said in (("additionalProperties", "*"), ("unevaluatedProperties", "*"), ("propertyNames", "(names)")):
        if isinstance(schema.get(key), dict):
            yield from _row(f"{prefix}{said}", schema[key], False, depth, left)
    inner = schema.get("items")
    if isinstance(inner, dict) and "$ref" not in inner:
        yield from rows_of(inner, f"{prefix.removesuffix('.')}[]." if prefix else "[].", depth + 1, left)
    for number, inner in enumerate(items(schema.get("prefixItems"))):
        yield from _row(f"{prefix}[{number}]", inner, False, depth, left)
    for key in (*_ALTERNATIVES, "if", "then", "else"):
        found = schema.get(key)
        for option in found if isinstance(found, list) else [found]:
            if isinstance(option, dict) and "$ref" not in option:
                yield from rows_of(option, prefix, depth + 1, left)


def _row(name: str, schema: object, required: bool, depth: int, left: list[int]) -> Iterator[Row]:
    described = mapping(schema)
    words = [text(described.get("title")), text(described.get("description"))]
    yield Row(name, tuple(type_of(schema)), required, "\n\n".join(filter(None, words)))
    if described and "$ref" not in described:
        yield from rows_of(described, f"{name}.", depth + 1, left)


def write_schema(schema: object, writer: OutlineWriter, *, with_type: bool = True) -> None:
    """Write a schema: its type, its properties, its examples; not its title and description."""
    pieces = type_of(schema) if with_type else []
    if any(piece.text.strip() for piece in pieces):
        writer.paragraph([Inline("Type: "), *pieces])
    described = mapping(schema)
    write_rows(list(_bounded(rows_of(described), writer)), writer)
    write_examples(described, writer)


def _bounded(rows: Iterator[Row], writer: OutlineWriter) -> Iterator[Row]:
    seen: set[tuple[str, str, str]] = set()
    for row in rows:
        key = (row.name, "".join(piece.text for piece in row.type), row.description)
        if key in seen:
            continue
        seen.add(key)
        if len(seen) > _MAX_ROWS:
            writer.warn(f"A schema has more than {_MAX_ROWS} properties; those after {row.name} were left out")
            return
        yield row


def write_rows(rows: Sequence[Row], writer: OutlineWriter, *, head: str = "Property") -> None:
    """Write properties as a table; descriptions of several paragraphs stand below it."""
    if not rows:
        return
    long = [row for row in rows if "\n" in row.description.strip()]
    cells: list[list[str | Sequence[Inline]]] = [[head, "Type", "Required", "Description"]]
    for row in rows:
        said = "" if row in long else row.description
        cells.append([row.name, row.type, "yes" if row.required else "", said])
    writer.table(cells)
    for row in long:
        writer.paragraph(f"{row.name}:")
        write_prose(row.description, writer, as_sections=False)


def write_examples(described: Map, writer: OutlineWriter, resolved: Callable[[object], Map] = mapping) -> None:
    """Write the examples of a schema, a parameter or a media type as code; `resolved` follows references to shared ones."""
    found: list[tuple[str, object]] = []
    if "example" in described:
        found.append(("", described["example"]))
    several = described.get("examples")
    if isinstance(several, dict):
        for name, written in several.items():
            example = resolved(written)
            value = example.get("value", example.get("externalValue", example.get("$ref")))
            found.append((text(example.get("summary")) or name, value))
    elif isinstance(several, list):
        found += [("", example) for example in several]
    for name, value in found[:_MAX_VALUES]:
        if value is None:
            continue
        writer.paragraph(f"Example: {name}" if name else "Example:", leads_in=True)
        is_text = isinstance(value, str)
        writer.code(text(value) if is_text else as_json(value), "" if is_text else "json")
