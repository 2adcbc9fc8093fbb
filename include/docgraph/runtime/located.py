"""Where in a YAML file a value is that can't be used: the line of a key, for messages that an editor can follow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError


def located(
    path: Path, model: type[BaseModel], error: ValidationError, variables: Mapping[tuple[int | str, ...], str]
) -> Iterator[str]:
    """Yield what is wrong, a line each: file and line, or the variable that stands above them, key, why, what was probably meant."""
    root = _nodes(path)
    for each in error.errors():
        keys = each["loc"]
        line = _line(root, keys)
        place = f"{path}:{line}" if line else str(path)
        place = variables.get(keys[:2], place)
        name = ".".join(str(key) for key in keys) or "the file"
        if each["type"] == "extra_forbidden":
            known = _known(model, keys[:-1])
            close = get_close_matches(str(keys[-1]), known, 1)
            hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(sorted(known))}." if known else ""
            yield f"{place}: {name}: unknown key; {hint or 'remove it.'}"
        else:
            yield f"{place}: {name}: {each['msg'].removeprefix('Value error, ')}"


def _nodes(path: Path) -> yaml.Node | None:
    if not path.is_file():
        return None
    return yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)


def _line(node: yaml.Node | None, keys: Sequence[int | str]) -> int | None:
    """Return the line of the innermost key that is in the file; None where none is."""
    line = None
    for key in keys:
        if isinstance(node, yaml.MappingNode):
            found = next(((name, value) for name, value in node.value if name.value == str(key)), None)
            if found is None:
                break
            line, node = found[0].start_mark.line + 1, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
            node = node.value[key]
            line = node.start_mark.line + 1
        else:
            break
    return line


def _known(model: type[BaseModel], keys: Sequence[int | str]) -> list[str]:
    """Return the keys that a section knows; nothing where the way to it leaves the models."""
    inner: Any = model
    for key in keys:
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            field = inner.model_fields.get(str(key))
            inner = None if field is None else field.annotation
        else:
            # An entry of a list, or of a mapping by name.
            inner = next(
                (each for each in get_args(inner) if isinstance(each, type) and issubclass(each, BaseModel)), None
            )
    return list(inner.model_fields) if isinstance(inner, type) and issubclass(inner, BaseModel) else []
