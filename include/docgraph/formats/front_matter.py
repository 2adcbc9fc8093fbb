"""Reads the front matter of a document: YAML between `---` lines, TOML between `+++` lines, or a JSON object.

Scalars are kept as they are written: a title of `3.10`, `No` or `2024-01-01` is these characters.
"""

from __future__ import annotations

import datetime
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

#: A longer one is taken for text: front matter is a handful of lines.
_MAX_LENGTH = 64 * 2**10
_MAX_VALUE = 4096
_MAX_KEYS = 200
_OPENING = re.compile(r"(---|\+\+\+)[ \t]*\n")
_JSON = json.JSONDecoder(parse_float=str, parse_int=str)
_LINE_END = re.compile(r"[ \t]*(?:\n|$)")
_LOOKS_LIKE_YAML = re.compile(r"\s*(?:#.*\n\s*)*[\w\"'][\w .\"'-]*:(?:\s|$)")


@dataclass(frozen=True, slots=True)
class FrontMatter:
    """Flat values of the front matter, and the offset at which the text after it begins."""

    values: Mapping[str, str]
    end: int
    warnings: tuple[str, ...] = ()


class _PlainLoader(yaml.BaseLoader):
    """YAML whose scalars are all text, as written, and without aliases: a few lines of them expand to gigabytes."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.events.AliasEvent):
            raise yaml.composer.ComposerError(None, None, "aliases are not read", None)
        return super().compose_node(parent, index)


def read_front_matter(text: str) -> FrontMatter:
    """Read the front matter at the beginning of a canonical text.

    What can't be read is left out with a warning and is no failure. A `---` that begins something else (a rule, a slide)
    is text.
    """
    nothing = FrontMatter({}, 0)
    if text.startswith("{"):
        return _read_json(text)
    opening = _OPENING.match(text)
    if not opening:
        return nothing
    marker = opening.group(1)
    closing = re.compile(r"^(?:---|\.\.\.)[ \t]*$" if marker == "---" else r"^\+\+\+[ \t]*$", re.MULTILINE)
    end = closing.search(text, opening.end(), opening.end() + _MAX_LENGTH)
    if not end:
        return nothing
    source = text[opening.end() : end.start()]
    after = min(end.end() + 1, len(text))
    try:
        loaded: object
        # The loader derives from BaseLoader: it builds text, lists and mappings only.
        loaded = yaml.load(source, _PlainLoader) if marker == "---" else tomllib.loads(source, parse_float=str)  # noqa: S506
    except (yaml.YAMLError, tomllib.TOMLDecodeError, ValueError, RecursionError) as error:
        if marker == "---" and not _LOOKS_LIKE_YAML.match(source):
            return nothing
        reason = " ".join(str(error).split())[:200]
        kind = "YAML" if marker == "---" else "TOML"
        return FrontMatter({}, after, (f"Front matter is not readable {kind} and was left out: {reason}",))
    if not loaded:
        return FrontMatter({}, after)
    if not isinstance(loaded, dict):
        return nothing
    values, warnings = _flatten(loaded)
    return FrontMatter(values, after, warnings)


def _read_json(text: str) -> FrontMatter:
    """Read a JSON object at the very beginning; what is none (a template, a comment of MDX) is text."""
    try:
        loaded, end = _JSON.raw_decode(text[:_MAX_LENGTH])
    except (ValueError, RecursionError):
        return FrontMatter({}, 0)
    rest = _LINE_END.match(text, end)
    if not isinstance(loaded, dict) or not loaded or not rest:
        return FrontMatter({}, 0)
    values, warnings = _flatten(loaded)
    return FrontMatter(values, rest.end(), warnings)


def _flatten(loaded: Mapping[object, object]) -> tuple[dict[str, str], tuple[str, ...]]:
    values: dict[str, str] = {}
    warnings: list[str] = []
    for key, value in loaded.items():
        name = _well_formed(str(key))
        try:
            written = _as_text(value)
        except (ValueError, TypeError, RecursionError) as error:
            warnings.append(f"Front matter key {name[:80]!r} was left out: {error}")
            continue
        if len(values) == _MAX_KEYS or len(written) > _MAX_VALUE or len(name) > _MAX_VALUE:
            warnings.append(f"Front matter key {name[:80]!r} was left out: too many keys, or a value that is too long")
            continue
        values[name] = _well_formed(written)
    return values, tuple(warnings[:10])


def _well_formed(text: str) -> str:
    """Replace lone surrogates, which a YAML escape can make and no store takes."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _as_text(value: object) -> str:
    if isinstance(value, str | datetime.date | datetime.time):
        return str(value)
    return "" if value is None else json.dumps(value, ensure_ascii=False, default=str)
