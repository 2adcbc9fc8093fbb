"""Payload indexes: from the REST API's schema to the engine's, and back for a collection's description."""

from __future__ import annotations

from typing import Any

import qdrant_edge as edge

from qdrant_local import schema
from qdrant_local.errors import BadInputError, UnsupportedError

TYPES = {
    "keyword": edge.PayloadSchemaType.Keyword,
    "integer": edge.PayloadSchemaType.Integer,
    "float": edge.PayloadSchemaType.Float,
    "bool": edge.PayloadSchemaType.Bool,
    "datetime": edge.PayloadSchemaType.Datetime,
    "uuid": edge.PayloadSchemaType.Uuid,
    "text": edge.PayloadSchemaType.Text,
}

#: For each type with parameters: the engine's class and the parameters that are passed on.
PARAMETERS: dict[str, tuple[Any, frozenset[str]]] = {
    "keyword": (edge.KeywordIndexParams, frozenset({"is_tenant", "on_disk", "enable_hnsw", "prefix"})),
    "integer": (
        edge.IntegerIndexParams,
        frozenset({"lookup", "range", "is_principal", "on_disk", "enable_hnsw"}),
    ),
    "float": (edge.FloatIndexParams, frozenset({"is_principal", "on_disk", "enable_hnsw"})),
    "bool": (edge.BoolIndexParams, frozenset({"on_disk", "enable_hnsw"})),
    "datetime": (edge.DatetimeIndexParams, frozenset({"is_principal", "on_disk", "enable_hnsw"})),
    "uuid": (edge.UuidIndexParams, frozenset({"is_tenant", "on_disk", "enable_hnsw"})),
    "text": (
        edge.TextIndexParams,
        frozenset({"min_token_len", "max_token_len", "lowercase", "phrase_matching", "on_disk", "enable_hnsw"}),
    ),
}

TOKENIZERS = {
    "prefix": edge.TokenizerType.Prefix,
    "whitespace": edge.TokenizerType.Whitespace,
    "word": edge.TokenizerType.Word,
    "multilingual": edge.TokenizerType.Multilingual,
}


def to_operation(body: schema.CreateFieldIndex) -> edge.UpdateOperation:
    """Translate the request for an index.

    Raises:
        BadInputError: no type is given (the local server does not guess it), or it is not a type that Qdrant knows.
        UnsupportedError: the type or a parameter of it is not supported.
    """
    if body.field_schema is None:
        raise BadInputError(f"give the type of the index on `{body.field_name}` in field_schema")
    if isinstance(body.field_schema, str):
        return edge.UpdateOperation.create_field_index(body.field_name, TYPES[_known(body.field_schema)])
    kind = _known(str(body.field_schema.get("type")))
    parameters = {key: value for key, value in body.field_schema.items() if key != "type" and value is not None}
    build, allowed = PARAMETERS[kind]
    arguments: dict[str, Any] = {}
    for key, value in parameters.items():
        if kind == "text" and key == "tokenizer" and value in TOKENIZERS:
            arguments[key] = TOKENIZERS[value]
        elif key in allowed:
            arguments[key] = value
        else:
            raise UnsupportedError(f"parameter `{key}` of a {kind} index")
    return edge.UpdateOperation.create_field_index(body.field_name, build(**arguments))


def _known(kind: str) -> str:
    if kind not in TYPES:
        raise UnsupportedError(f"a payload index of type `{kind}` (known: {', '.join(TYPES)})")
    return kind


def describe(index: edge.PayloadIndexInfo) -> dict[str, Any]:
    """Give the JSON form of an index: its type and how many points it holds."""
    return {"data_type": _kind(index.data_type), "points": index.points}


def _kind(data_type: edge.PayloadSchemaType) -> str:
    # The engine's enumeration is neither hashable nor iterable, hence the comparison one by one.
    return next(kind for kind, known in TYPES.items() if known == data_type)
