"""The lines of a document that are left when its conditions are decided; nothing is included."""

from __future__ import annotations

import re
from dataclasses import dataclass

_CONDITION = re.compile(r"(ifdef|ifndef|ifeval|endif)::([^\[\s]*)\[(.*)\]$")
_INCLUDE = re.compile(r"\\?include::[^\[\s][^\[]*\[.*\]$")
_COMPARED = re.compile(r"""\s*(["']?)(.*?)\1\s*(==|!=|<=|>=|<|>)\s*(["']?)(.*?)\4\s*""")
ATTRIBUTE = re.compile(r":(!?\w[\w-]*!?):(?:[ \t]+(.*))?$")
REFERENCE = re.compile(r"(\\?)\{(\w[\w-]*)\}")
VERBATIM = re.compile(r"(?:-{4,}|\.{4,}|\+{4,}|/{4,}|```.*)$")
_COMMENT = re.compile(r"/{4,}$")
#: Characters that an attribute may have: values are made of others, and would double at each step.
MAX_VALUE = 10_000
GIVEN = {
    "amp": "&", "apos": "'", "asterisk": "*", "backslash": "\\", "backtick": "`", "blank": "", "brvbar": "¦", "caret": "^",
    "cpp": "C++", "cxx": "C++", "deg": "°", "empty": "", "endsb": "]", "gt": ">", "ldquo": "“", "lsquo": "‘", "lt": "<",
    "nbsp": " ", "plus": "+", "pp": "++", "quot": '"', "rdquo": "”", "rsquo": "’", "sp": " ", "startsb": "[", "tilde": "~",
    "two-colons": "::", "two-semicolons": ";;", "vbar": "|", "wj": "", "zwsp": "",
    "backend": "html5", "backend-html5": "", "basebackend": "html", "basebackend-html": "", "asciidoctor": "",
    "filetype": "html", "filetype-html": "", "doctype": "article", "doctype-article": "", "idprefix": "_", "idseparator": "_",
    "sectids": "", "table-caption": "Table", "example-caption": "Example", "figure-caption": "Figure",
    "appendix-caption": "Appendix", "note-caption": "Note", "tip-caption": "Tip", "warning-caption": "Warning",
    "caution-caption": "Caution", "important-caption": "Important", "safe-mode-secure": "", "safe-mode-name": "secure",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the source, without blanks at its end, and its number from 1 on."""

    number: int
    text: str


def preprocessed(text: str) -> list[Line]:
    """Return the lines that a document shows in HTML: of conditions those that hold, no comments in blocks, no includes."""
    kept: list[Line] = []
    attributes = dict(GIVEN)
    hidden = 0
    open_conditions: list[bool] = []
    verbatim = ""
    lines = text.split("\n")
    for number, raw in enumerate(lines, start=1):
        line = raw.rstrip()
        found = _CONDITION.match(line) if line.startswith(("ifdef::", "ifndef::", "ifeval::", "endif::")) else None
        if found:
            if found[1] == "endif":
                if open_conditions:
                    hidden -= not open_conditions.pop()
                continue
            holds = _holds(found[1], found[2], found[3], attributes)
            if found[3] and found[1] != "ifeval":
                line = found[3]
                if hidden or not holds:
                    continue
            else:
                open_conditions.append(holds)
                hidden += not holds
                continue
        if hidden:
            continue
        if verbatim:
            if line == verbatim:
                verbatim = ""
            elif _COMMENT.match(verbatim):
                continue
            elif _INCLUDE.match(line):
                line = line[1:] if line.startswith("\\") else ""
        elif VERBATIM.match(line):
            verbatim = "```" if line.startswith("```") else line
        elif _INCLUDE.match(line):
            if not line.startswith("\\"):
                continue
            line = line[1:]
        elif entry := ATTRIBUTE.match(line):
            set_attribute(attributes, entry[1], entry[2] or "")
        kept.append(Line(number, line))
    return kept


def set_attribute(attributes: dict[str, str], name: str, value: str) -> None:
    """Set or unset an attribute; attributes in its value are put in once, now."""
    bare = name.strip("!").lower()
    if name != name.strip("!"):
        attributes.pop(bare, None)
        return
    attributes[bare] = substituted(value, attributes)[:MAX_VALUE]


def substituted(text: str, attributes: dict[str, str]) -> str:
    """Put in attributes, one pass; unknown ones stay."""
    if "{" not in text:
        return text
    budget = [MAX_VALUE * 10]

    def value(found: re.Match[str]) -> str:
        if found[1]:
            return found[0][1:]
        known = attributes.get(found[2].lower())
        if known is None or budget[0] < len(known):
            return found[0]
        budget[0] -= len(known)
        return known

    return REFERENCE.sub(value, text)


def _holds(kind: str, names: str, expression: str, attributes: dict[str, str]) -> bool:
    if kind == "ifeval":
        return _compares(substituted(expression, attributes))
    names = names.lower()
    if "+" in names:
        is_set = all(name in attributes for name in names.split("+"))
        return is_set if kind == "ifdef" else not is_set
    some = [name in attributes for name in names.split(",")]
    return any(some) if kind == "ifdef" else not any(some)


def _compares(expression: str) -> bool:
    found = _COMPARED.fullmatch(expression) if len(expression) < MAX_VALUE else None
    if found is None:
        return False
    left, right = found[2], found[5]
    numbers = left.isdecimal() and right.isdecimal()
    one, other = (left.zfill(40), right.zfill(40)) if numbers else (left, right)
    return {
        "==": one == other, "!=": one != other, "<": one < other, ">": one > other, "<=": one <= other, ">=": one >= other,
    }[found[3]]  # fmt: skip
