"""Turn a filter of the REST API into a filter of the engine. Geometry is not supported."""

from __future__ import annotations

from typing import Any

import numpy as np
import qdrant_edge as edge

from qdrant_local import schema
from qdrant_local.errors import BadInputError


def to_filter(body: schema.Filter) -> edge.Filter:
    """Translate a boolean combination of conditions; one without clauses matches every point.

    Raises:
        BadInputError: it is not a boolean combination, or a condition in it is not one that Qdrant knows.
    """
    if _kinds(body) - {"clauses"}:
        raise BadInputError(
            "a filter consists of `must`, `should`, `must_not` and `min_should`; put the condition there"
        )
    return edge.Filter(
        must=_clauses(body.must),
        should=_clauses(body.should),
        must_not=_clauses(body.must_not),
        min_should=None
        if body.min_should is None
        else edge.MinShould([_condition(item) for item in body.min_should.conditions], body.min_should.min_count),
    )


def optional_filter(body: schema.Filter | None) -> edge.Filter | None:
    """Translate a filter that may be absent."""
    return None if body is None else to_filter(body)


def _kinds(body: schema.Condition) -> set[str]:
    kinds = {
        "clauses": any(part is not None for part in (body.must, body.should, body.must_not, body.min_should)),
        "key": body.key is not None,
        "has_id": body.has_id is not None,
        "has_vector": body.has_vector is not None,
        "nested": body.nested is not None,
        "is_empty": body.key is None and body.is_empty is not None,
        "is_null": body.key is None and body.is_null is not None,
    }
    return {kind for kind, present in kinds.items() if present}


def _clauses(body: list[schema.Condition] | schema.Condition | None) -> list[edge.ConditionType] | None:
    if body is None:
        return None
    return [_condition(item) for item in (body if isinstance(body, list) else [body])]


def _condition(body: schema.Condition) -> edge.ConditionType:
    if len(kinds := _kinds(body)) > 1:
        raise BadInputError(f"one condition can't be {' and '.join(sorted(kinds))} at once; write a condition for each")
    if body.key is not None:
        return _field_condition(body.key, body)
    if body.has_id is not None:
        return edge.HasIdCondition(set(body.has_id))
    if body.has_vector is not None:
        return edge.HasVectorCondition(body.has_vector)
    if body.nested is not None:
        return edge.NestedCondition(body.nested.key, to_filter(body.nested.filter))
    if isinstance(body.is_empty, schema.PayloadField):
        return edge.IsEmptyCondition(body.is_empty.key)
    if isinstance(body.is_null, schema.PayloadField):
        return edge.IsNullCondition(body.is_null.key)
    if body.is_empty is not None or body.is_null is not None:
        raise BadInputError("a condition `is_empty` or `is_null` needs a payload key")
    return to_filter(body)


def _field_condition(key: str, body: schema.Condition) -> edge.FieldCondition:
    if isinstance(body.is_empty, schema.PayloadField) or isinstance(body.is_null, schema.PayloadField):
        raise BadInputError(f"the condition on `{key}` names a second payload key in `is_empty` or `is_null`")
    tests = (body.match, body.range, body.values_count, body.is_empty, body.is_null)
    if all(test is None for test in tests):
        raise BadInputError(f"the condition on `{key}` tests nothing: give `match`, `range` or another test")
    return edge.FieldCondition(
        key,
        match=None if body.match is None else _match(key, body.match),
        range=None if body.range is None else _range(key, body.range),
        values_count=None if body.values_count is None else _values_count(body.values_count),
        is_empty=body.is_empty,
        is_null=body.is_null,
    )


def _match(key: str, body: schema.Match) -> edge.MatchType:
    if body.value is not None:
        # The engine's binding takes a Python bool for an integer; NumPy's it takes for what it is.
        value: Any = np.bool_(body.value) if isinstance(body.value, bool) else body.value
        return edge.MatchValue(value)
    if body.any is not None:
        return edge.MatchAny(_one_kind(key, body.any))
    if body.except_ is not None:
        return edge.MatchExcept(_one_kind(key, body.except_))
    if body.text is not None:
        return edge.MatchText(body.text)
    if body.text_any is not None:
        return edge.MatchTextAny(body.text_any)
    if body.phrase is not None:
        return edge.MatchPhrase(body.phrase)
    if body.prefix is not None:
        return edge.MatchPrefix(body.prefix)
    if body.substring is not None:
        return edge.MatchSubstring(body.substring)
    raise BadInputError(f"the match on `{key}` is empty: give `value`, `any`, `except` or a text match")


def _one_kind(key: str, values: list[str | int]) -> Any:
    if len({type(value) for value in values}) > 1:
        raise BadInputError(f"the values to match `{key}` with mix strings and integers")
    return values


def _range(key: str, body: schema.Range) -> edge.RangeType:
    bounds = {"lt": body.lt, "gt": body.gt, "lte": body.lte, "gte": body.gte}
    given: dict[str, Any] = {name: bound for name, bound in bounds.items() if bound is not None}
    kinds = {isinstance(bound, str) for bound in given.values()}
    if len(kinds) > 1:
        raise BadInputError(f"the range of `{key}` mixes numbers and times")
    return edge.RangeDateTime(**given) if True in kinds else edge.RangeFloat(**given)


def _values_count(body: schema.ValuesCount) -> edge.ValuesCount:
    return edge.ValuesCount(lt=body.lt, gt=body.gt, lte=body.lte, gte=body.gte)
