"""The layer of roff below the macros: comments, continued lines, conditions as a terminal sees them, strings, definitions.

Nothing is executed: macros that a page defines are left out with their bodies, files that it names are not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_CONTROL = re.compile(r"[.'][ \t]*([^\s\\]{1,40}|\\\}|\\\{)?[ \t]*(.*)", re.DOTALL)
_COMMENT = re.compile(r'(?:^|(?<=[^\\]))((?:\\\\)*)\\["#].*')
_DEFINITIONS = frozenset({"am", "ami", "de", "de1", "dei", "ig"})
_MAX_DEPTH = 50
_MAX_STRINGS = 1_000


class Page:
    """The lines of a page as a terminal's formatter sees them: `control` lines as (name, rest), text lines as (None, text)."""

    def __init__(self, source: str) -> None:
        """Take a page's text with LF line ends."""
        self._lines = list(_joined(source))
        self.strings: dict[str, str] = {}
        #: Macros of the page's own, which were not run.
        self.defined: set[str] = set()

    def __iter__(self) -> Iterator[tuple[str | None, str]]:
        position = 0
        answers: list[bool] = []
        while position < len(self._lines):
            line = self._lines[position]
            position += 1
            for _ in range(_MAX_DEPTH):
                if not line.startswith((".", "'")):
                    yield None, line.replace("\\{", "").replace("\\}", "")
                    break
                found = _CONTROL.match(line)
                name, rest = (found[1] or "", found[2]) if found else ("", "")
                if name in ("if", "ie", "el", "while"):
                    is_true, body = _condition(name, rest, answers)
                    if not is_true or name == "while":
                        position = self._skip(body, position)
                        break
                    line = body.removeprefix("\\{").lstrip()
                    if not line:
                        break
                    continue
                position = self._request(name, rest, position)
                if name not in _DEFINITIONS and name not in ("ds", "ds1", "\\}", "\\{", ""):
                    yield name, rest.replace("\\{", "").replace("\\}", "")
                break

    def _request(self, name: str, rest: str, position: int) -> int:
        if name in _DEFINITIONS:
            words = rest.split()
            if name != "ig" and words:
                self.defined.add(words[0])
            end = words[1] if name != "ig" and len(words) > 1 else words[0] if name == "ig" and words else "."
            while position < len(self._lines):
                line = self._lines[position]
                position += 1
                if re.match(rf"[.'][ \t]*{re.escape(end)}[ \t]*(?:\\\".*)?$", line):
                    break
        elif name in ("ds", "ds1") and len(self.strings) < _MAX_STRINGS:
            key, _, value = rest.partition(" ")
            self.strings[key] = value.lstrip().removeprefix('"')
        return position

    def _skip(self, body: str, position: int) -> int:
        """Return where a page goes on after a branch that was not taken."""
        depth = body.count("\\{") - body.count("\\}")
        if not body.startswith("\\{"):
            return position
        while depth > 0 and position < len(self._lines):
            line = self._lines[position]
            position += 1
            depth += line.count("\\{") - line.count("\\}")
        return position


def _joined(source: str) -> Iterator[str]:
    """Yield lines without comments, those that end in a backslash joined with the next."""
    pieces: list[str] = []
    for line in source.split("\n"):
        if line.startswith(('.\\"', "'\\\"", ".\\#", "'\\#")) and not pieces:
            continue
        if '\\"' in line or "\\#" in line:
            line = _COMMENT.sub(r"\1", line)
        if (len(line) - len(line.rstrip("\\"))) % 2:
            pieces.append(line[:-1])
            continue
        yield "".join([*pieces, line])
        pieces = []
    if pieces:
        yield "".join(pieces)


def _condition(name: str, rest: str, answers: list[bool]) -> tuple[bool, str]:
    """Decide a condition as on a terminal (nroff), and return what depends on it."""
    if name == "el":
        return not (answers.pop() if answers else True), rest
    negated = False
    while rest.startswith("!"):
        negated, rest = not negated, rest[1:]
    answer, body = _decide(rest)
    answer ^= negated
    if name == "ie":
        answers.append(answer)
    return answer, body.lstrip(" \t")


def _decide(rest: str) -> tuple[bool, str]:
    if (letter := re.match(r"([netovdrcFmS])(?=[\s\\.'])", rest)) or (letter := re.match(r"([dr])\s*\S+", rest)):
        return letter[1] in "no", rest[letter.end() :]
    if (compared := re.match(r"'([^']*)'([^']*)'", rest)) is not None:
        return compared[1] == compared[2], rest[compared.end() :]
    expression, _, body = rest.partition(" ") if not rest.startswith("(") else _parenthesised(rest)
    if "\\{" in expression:
        expression, mark, after = expression.partition("\\{")
        body = mark + after + (" " + body if body else "")
    value = re.sub(r"\\n(?:\(\.g|\[\.g\])", "1", expression)
    value = re.sub(r"\\n(?:\(..|\[[^\]]*\]|.)", "0", value)
    if re.fullmatch(r"\(?-?\d+(?:\.\d+)?[a-z]?\)?", value):
        return float(re.sub(r"[()a-z]", "", value)) > 0, body
    if (order := re.fullmatch(r"\(?(\d+)([<>=]=?)(\d+)\)?", value)) is not None:
        left, right = int(order[1][:9]), int(order[3][:9])
        return {"<": left < right, ">": left > right}.get(order[2][0], False) or (
            "=" in order[2] and left == right
        ), body
    return False, body


def _parenthesised(rest: str) -> tuple[str, str, str]:
    depth = 0
    for position, character in enumerate(rest):
        depth += (character == "(") - (character == ")")
        if depth == 0:
            return rest[: position + 1], "", rest[position + 1 :]
    return rest, "", ""


def arguments(rest: str) -> list[str]:
    """Split the arguments of a macro: at blanks, but not between double quotes, in which two of them stand for one."""
    found: list[str] = []
    position = 0
    while position < len(rest):
        if rest[position] in " \t":
            position += 1
        elif rest[position] == '"':
            match = re.compile(r'"((?:[^"]|"")*)("|$)').match(rest, position)
            assert match is not None
            found.append(match[1].replace('""', '"'))
            position = match.end()
        else:
            match = re.compile(r"(?:\\.|[^ \t\\])*\\?").match(rest, position)
            assert match is not None
            found.append(match[0])
            position = max(match.end(), position + 1)
    return found
