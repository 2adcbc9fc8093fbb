"""Loads JSON and YAML as what is written: keys are text, and so are numbers, dates and switches, so that `3.10` and `no` stay so.

YAML is read from its events, without recursion; aliases share the value that they name, and nothing is constructed from tags.
"""

from __future__ import annotations

import json
import re
from collections.abc import Hashable, Iterable, Iterator
from typing import Any, TypeVar

import yaml

from docgraph.domain.errors import DocumentUnreadableError

Map = dict[str, Any]
_Value = TypeVar("_Value")

_MAX_DEPTH = 100
_MAX_NODES = 1_000_000
_MAX_WARNINGS = 10
#: Values that are written out of one example.
_MAX_WRITTEN = 20_000
_BARE = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?|true|false|null")


class Bare(str):
    """A number, `true`, `false` or `null`, as it is written."""

    __slots__ = ()


def load(text: str, source_uri: str) -> tuple[Map, list[str]]:
    """Return the mapping that a document is, and warnings about its keys.

    Raises:
        DocumentUnreadableError: it is not well-formed, nested too deeply, too large, or no mapping.
    """
    warnings: list[str] = []
    try:
        value = _from_json(text, warnings) if text.lstrip()[:1] == "{" else _from_yaml(text, warnings)
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        reason = " ".join(str(error).split())[:300]
        raise DocumentUnreadableError(
            f"{source_uri} is not well-formed JSON or YAML ({reason or type(error).__name__}); correct it and drop it again."
        ) from error
    if not isinstance(value, dict):
        raise DocumentUnreadableError(
            f"{source_uri} is no mapping of keys to values, and describes nothing; correct it and drop it again."
        )
    return value, warnings[:_MAX_WARNINGS]


def _from_json(text: str, warnings: list[str]) -> Any:
    def pairs(found: list[tuple[str, Any]]) -> Map:
        made = dict(found)
        if len(made) < len(found):
            twice = (
                sorted({key for key, _ in found if sum(key == other for other, _ in found) > 1})
                if len(found) < 1_000
                else ["…"]
            )
            warnings.append(f"A key stands twice in one mapping, and its last value holds: {', '.join(twice)}")
        return {key: _plain(value) for key, value in made.items()}

    return json.loads(text, object_pairs_hook=pairs, parse_int=Bare, parse_float=Bare, parse_constant=Bare)


def _plain(value: Any) -> Any:
    """Turn switches into what is written, also in lists."""
    if value is None:
        return Bare("null")
    if isinstance(value, bool):
        return Bare("true" if value else "false")
    return [_plain(each) for each in value] if isinstance(value, list) else value


class _Builder:
    """Builds the value of a YAML document from its events."""

    def __init__(self, warnings: list[str]) -> None:
        self._warnings = warnings
        self._open: list[tuple[Any, str | None]] = []
        self._keys: list[Any] = []
        self._named: dict[str, Any] = {}
        self.root: Any = None
        self._nodes = 0

    def event(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.ScalarEvent):
            is_bare = event.style is None or event.style == ""
            value: Any = event.value
            if is_bare and event.implicit[0] and (_BARE.fullmatch(value) or value in ("", "~")):
                value = Bare(value if value not in ("", "~") else "null")
            self._add(value, event.anchor, event)
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._named:
                raise ValueError(f"alias {event.anchor!r} names nothing")
            self._add(self._named[event.anchor], None, event)
        elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            if len(self._open) >= _MAX_DEPTH:
                raise ValueError(f"more than {_MAX_DEPTH} levels of nesting")
            made: Any = {} if isinstance(event, yaml.MappingStartEvent) else []
            if event.anchor:
                # An alias may stand inside what it names.
                self._named[event.anchor] = made
            self._open.append((made, event.anchor))
            self._keys.append(None)
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            made, anchor = self._open.pop()
            self._keys.pop()
            self._add(made, anchor, event)

    def _add(self, value: Any, anchor: str | None, event: yaml.Event) -> None:
        self._nodes += 1
        if self._nodes > _MAX_NODES:
            raise ValueError(f"more than {_MAX_NODES:,} values")
        if anchor:
            self._named[anchor] = value
        if not self._open:
            self.root = value if self.root is None else self.root
            return
        around = self._open[-1][0]
        if isinstance(around, list):
            around.append(value)
        elif self._keys[-1] is None:
            self._keys[-1] = str(value) if isinstance(value, Hashable) else "?"
        else:
            self._put(around, self._keys[-1], value, event)
            self._keys[-1] = None

    def _put(self, around: Map, key: str, value: Any, event: yaml.Event) -> None:
        if key == "<<":
            for merged in value if isinstance(value, list) else [value]:
                if isinstance(merged, dict):
                    for name, inner in merged.items():
                        around.setdefault(name, inner)
            return
        if key in around:
            line = event.start_mark.line + 1 if event.start_mark else 0
            self._warnings.append(f"Line {line}: the key {key!r} stands twice in one mapping, and its last value holds")
        around[key] = value


def _from_yaml(text: str, warnings: list[str]) -> Any:
    builder = _Builder(warnings)
    for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        if isinstance(event, yaml.DocumentStartEvent) and builder.root is not None:
            break
        builder.event(event)
    return builder.root


def as_json(value: Any) -> str:
    """Write a value as JSON, numbers as they were written; one that is too large, or contains itself, ends in an ellipsis."""
    return _written(value, "", [_MAX_WRITTEN])


def _written(value: Any, indent: str, left: list[int]) -> str:
    left[0] -= 1
    if left[0] < 0 or len(indent) > 2 * _MAX_DEPTH:
        return "…"
    inner = indent + "  "
    if isinstance(value, dict):
        rows = [
            f"{inner}{json.dumps(key, ensure_ascii=False)}: {_written(each, inner, left)}"
            for key, each in _within(value.items(), left)
        ]
        return "{\n" + ",\n".join(rows) + f"\n{indent}}}" if rows else "{}"
    if isinstance(value, list):
        rows = [inner + _written(each, inner, left) for each in _within(value, left)]
        return "[\n" + ",\n".join(rows) + f"\n{indent}]" if rows else "[]"
    return str(value) if isinstance(value, Bare) else json.dumps(value, ensure_ascii=False)


def _within(values: Iterable[_Value], left: list[int]) -> Iterator[_Value]:
    for value in values:
        if left[0] < 0:
            return
        yield value


def mapping(value: Any) -> Map:
    """Return a value that should be a mapping; another one is none."""
    return value if isinstance(value, dict) else {}


def items(value: Any) -> list[Any]:
    """Return a value that should be a list; another one is none."""
    return value if isinstance(value, list) else []


def text(value: Any) -> str:
    """Return a value that should be text; another one is none."""
    return str(value) if isinstance(value, str) and not (isinstance(value, Bare) and value == "null") else ""
