"""Reads the lines in front of a block that say what it is: styles, languages, anchors, titles."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_BLOCK_ANCHOR = re.compile(r"\[\[([\w:][\w:.-]*)(?:,.*)?\]\]$")
_ATTRIBUTES = re.compile(r"\[(?:[\w.#%\"',{+*!:][^\[]*)?\]$")
_TITLE = re.compile(r"\.(\.?[^\s.].*)$")
_MAX_LENGTH = 2_000


@dataclass(slots=True)
class Info:
    """What lines in front of a block say about it."""

    style: str = ""
    positional: list[str] = field(default_factory=list)
    named: dict[str, str] = field(default_factory=dict)
    options: set[str] = field(default_factory=set)
    anchor: str = ""
    title: str = ""

    def takes(self, line: str) -> bool:
        """Take in a line; False where it says nothing about a block."""
        if found := _BLOCK_ANCHOR.match(line):
            self.anchor = found[1]
            return True
        if line.startswith("[") and _ATTRIBUTES.match(line):
            self._read(line[1:-1])
            return True
        if found := _TITLE.match(line):
            self.title = found[1]
            return True
        return False

    def _read(self, text: str) -> None:
        for number, raw in enumerate(parts(text)):
            part = raw.strip()
            name, equals, value = part.partition("=")
            if equals and re.fullmatch(r"[\w-]+", name):
                value = value.strip("\"'")
                self.named[name] = value
                if name == "id":
                    self.anchor = value
                if name in ("options", "opts"):
                    self.options |= set(re.split(r"[,\s]+", value))
                continue
            part = part.strip("\"'")
            if number == 0:
                style = re.match(r"[^#.%]*", part)
                self.style = style[0] if style else ""
                for mark, word in re.findall(r"([#.%])([^#.%]+)", part):
                    if mark == "#":
                        self.anchor = word
                    elif mark == "%":
                        self.options.add(word)
            self.positional.append(part)


def is_block_attributes(line: str) -> bool:
    """Tell whether a line says something about the block below it."""
    return line.startswith("[") and bool(_ATTRIBUTES.match(line) or _BLOCK_ANCHOR.match(line))


def parts(text: str) -> list[str]:
    """Return what stands between commas outside of quotes."""
    parts, quoted = [""], False
    for each in text[:_MAX_LENGTH]:
        quoted = quoted != (each == '"')
        if each == "," and not quoted:
            parts.append("")
        else:
            parts[-1] += each
    return parts
