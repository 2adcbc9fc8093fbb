"""Rules on configuration keys: in blocks of YAML, TOML and INI, and in prose that says it speaks of one."""

from __future__ import annotations

import re
from collections.abc import Iterator

from docgraph.extraction.findings import CONFIG_KEY, Code, CodeSpan, DocumentView, Finding, Named

_TABLE = re.compile(r"\[{1,2}([\w.\"':/ -]{1,120})\]{1,2}(?: *#.*)?")
_PAIR = re.compile(r"([A-Za-z_][\w.-]{0,80})\s*=(?!=)\s*\S")
_YAML_KEY = re.compile(r"( *)(- )?([A-Za-z_][\w.-]{0,80}):(?:\s|$)")
_KEY = re.compile(r"[a-z][a-z0-9]*(?:[_.-][a-z0-9]+)+")
_KEY_NOUN = r"(?:settings?|directives?|config(?:uration)?(?:\s+(?:keys?|options?|values?|settings?|parameters?))?)"
_AFTER = re.compile(rf"\s+{_KEY_NOUN}\b", re.IGNORECASE)
_BEFORE = re.compile(rf"\b{_KEY_NOUN},?\s+(?:called\s+|named\s+|of\s+)?(?:the\s+)?$", re.IGNORECASE)
_FILE = re.compile(
    r"\.(?:py|md|txt|json|ya?ml|toml|cfg|ini|conf|html?|js|ts|css|sh|lock|log|env|rst|xml|csv|db|sqlite|pem|key|crt)$"
)
_MAX_DEPTH = 4
_MAX_LINE = 1_000


class ConfigurationBlocks:
    """Keys of YAML, TOML and INI blocks by their dotted path, and inline mentions of those keys in the same document."""

    name = "configuration-block"
    version = 1

    def find(self, document: DocumentView) -> Iterator[Finding]:
        """Yield configuration keys."""
        known: dict[str, str] = {}
        for section in document.sections:
            for block in section.code:
                for path in _keys(block):
                    known.setdefault(path, path)
                    last = path.rpartition(".")[2]
                    if _KEY.fullmatch(last):
                        known.setdefault(last, path)
        for index, section in enumerate(document.sections):
            for block in section.code:
                yield from (Finding(index, Named(CONFIG_KEY, path)) for path in _keys(block))
            for paragraph in section.paragraphs:
                for span in paragraph.spans:
                    name = span.text.partition(" = ")[0]
                    if name in known and _KEY.fullmatch(name):
                        yield Finding(index, Named(CONFIG_KEY, known[name]))


class ConfigurationProse:
    """Inline code right beside a word for a configuration key: "the `log_level` setting", "setting `log_level`"."""

    name = "configuration-prose"
    version = 1

    def find(self, document: DocumentView) -> Iterator[Finding]:
        """Yield configuration keys."""
        for index, section in enumerate(document.sections):
            for paragraph in section.paragraphs:
                for span in paragraph.spans:
                    if is_called_key(span):
                        yield Finding(index, Named(CONFIG_KEY, span.text))


def is_called_key(span: CodeSpan) -> bool:
    """Tell whether the prose right beside a piece of inline code calls it a configuration key."""
    said = _AFTER.match(span.after) or _BEFORE.search(span.before)
    return bool(said and _KEY.fullmatch(span.text) and not _FILE.search(span.text))


def _keys(block: Code) -> Iterator[str]:
    if block.language in {"toml", "ini", "cfg", "conf", "properties"}:
        yield from _table_keys(block.text)
    elif block.language in {"yaml", "yml"}:
        yield from _yaml_keys(block.text)


def _table_keys(text: str) -> Iterator[str]:
    table = ""
    quoted = ""
    for line in (line.strip() for line in text.split("\n") if len(line) <= _MAX_LINE):
        # A value over several lines is text, whatever it looks like.
        if quoted:
            quoted = "" if quoted in line else quoted
            continue
        if match := _TABLE.fullmatch(line):
            table = match.group(1).strip().replace('"', "").replace("'", "") + "."
        elif match := _PAIR.match(line):
            yield table + match.group(1)
            for mark in ('"""', "'''"):
                if line.count(mark) == 1:
                    quoted = mark


def _yaml_keys(text: str) -> Iterator[str]:
    above: list[tuple[int, str]] = []
    literal: int | None = None
    for line in text.split("\n"):
        if not line.strip() or line.lstrip().startswith("#") or len(line) > _MAX_LINE:
            continue
        indent = len(line) - len(line.lstrip(" "))
        if literal is not None:
            if indent > literal:
                continue
            literal = None
        match = _YAML_KEY.match(line)
        if not match:
            continue
        depth = indent + (2 if match.group(2) else 0)
        above = [(column, key) for column, key in above if column < depth]
        above.append((depth, match.group(3)))
        if line.rstrip().endswith(("|", ">", "|-", ">-")):
            literal = indent
        if len(above) <= _MAX_DEPTH:
            yield ".".join(key for _, key in above)
