"""Names the entries of Sphinx's domains (functions, options, settings …): the line that is shown, and the anchor on the page."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

#: Kinds of the domain of Python, with the words that Sphinx puts in front.
_PYTHON = {
    "function": "",
    "data": "",
    "class": "class ",
    "exception": "exception ",
    "method": "",
    "classmethod": "classmethod ",
    "staticmethod": "static ",
    "attribute": "",
    "property": "property ",
    "decorator": "@",
    "decoratormethod": "@",
    "type": "type ",
}
_TYPES = frozenset({"class", "exception"})
_MEMBERS = frozenset({"method", "classmethod", "staticmethod", "attribute", "property", "decoratormethod"})
_FLAGS = ("final", "abstractmethod", "async", "classmethod", "staticmethod")
_WORDS = {
    "abstractmethod": "abstractmethod ",
    "async": "async ",
    "classmethod": "classmethod ",
    "final": "final ",
    "staticmethod": "static ",
}
_OTHERS = {
    "c": frozenset({"function", "member", "var", "macro", "struct", "union", "enum", "enumerator", "type", "alias", "expr"}),
    "cpp": frozenset({"function", "class", "struct", "member", "var", "type", "enum", "enum-class", "enum-struct", "enumerator",
                      "union", "concept", "alias"}),
    "js": frozenset({"function", "method", "class", "data", "attribute"}),
    "rst": frozenset({"directive", "directive:option", "role"}),
    "std": frozenset({"option", "cmdoption", "envvar", "confval", "describe", "object"}),
}  # fmt: skip
#: Words that Sphinx puts in front of entries of C and C++.
_KEYWORDS = frozenset({"struct", "union", "enum", "enumerator", "class", "concept"})
_NOT_IN_ID = re.compile(r"[^a-zA-Z0-9._]+")
_SIGNATURE = re.compile(r"([\w.]*\.)?(\w+)\s*(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry: what is shown of it, its full name, and its anchor (empty: not known without Sphinx)."""

    shown: str
    name: str
    anchor: str


def is_entry(name: str, domain: str) -> tuple[str, str] | None:
    """Return domain and kind of a directive that describes something, or None where it is another directive."""
    given, colon, kind = name.partition(":")
    if not colon:
        if name in _OTHERS["std"]:
            return "std", name
        if domain in _OTHERS and name in _OTHERS[domain]:
            return domain, name
        return ("py", name) if domain == "py" and name in _PYTHON else None
    if given == "py":
        return ("py", kind) if kind in _PYTHON else None
    if given in _OTHERS:
        return (given, kind) if kind in _OTHERS[given] else None
    return given, kind


def entry(
    domain: str, kind: str, signature: str, options: Mapping[str, str], module: str, classes: str, program: str
) -> Entry:
    """Describe one line of an entry's directive, which stands in a module, in a class and in a program."""
    signature = " ".join(signature.split())
    if domain == "py":
        return _python(kind, signature, options, module, classes)
    if domain == "std":
        return _standard(kind, signature, program)
    name = _bare(signature)
    if domain == "c":
        return Entry(f"{kind} {signature}" if kind in _KEYWORDS else signature, name, f"c.{name}")
    if domain == "cpp":
        return Entry(
            f"{kind.replace('-', ' ')} {signature}" if kind.partition("-")[0] in _KEYWORDS else signature, name, ""
        )
    if domain == "js":
        full = f"{classes or module}.{name}".lstrip(".")
        return Entry(f"class {signature}" if kind == "class" else signature, full, full)
    if domain == "rst" and kind == "directive":
        bare = signature.strip(": .").split("::")[0].strip()
        return Entry(f".. {bare}::{signature.partition('::')[2]}", bare, f"directive-{_identifier(bare)}")
    if domain == "rst" and kind == "role":
        bare = signature.strip(":")
        return Entry(f":{bare}:", bare, f"role-{_identifier(bare)}")
    if domain == "rst":
        return Entry(f":{signature.strip(':')}:", signature, "")
    if domain == "http":
        return Entry(f"{kind.upper()} {signature}", signature, "")
    return Entry(signature, name, "")


def _python(kind: str, signature: str, options: Mapping[str, str], module: str, classes: str) -> Entry:
    found = _SIGNATURE.fullmatch(signature)
    if found is None:
        return Entry(_PYTHON[kind] + signature, signature, "")
    prefix, name, rest = found[1] or "", found[2], found[3]
    if classes:
        prefix = prefix.removeprefix(f"{classes}.")
        shown = name if prefix == f"{classes.rpartition('.')[2]}." else prefix + name
        full = ".".join(filter(None, (module, classes, prefix.rstrip("."), name)))
    else:
        own = "" if module and prefix.startswith(f"{module}.") else module
        full = ".".join(filter(None, (own, prefix.rstrip("."), name)))
        shown = full
    words = "".join(_WORDS[flag] for flag in _FLAGS if flag in options and flag != kind)
    if kind == "decorator" or kind == "decoratormethod":
        words = ""
    said = f"{words}{_PYTHON[kind]}{shown}{rest}"
    if options.get("type"):
        said += f": {options['type']}"
    if options.get("value"):
        said += f" = {options['value']}"
    return Entry(said, full, full)


def _standard(kind: str, signature: str, program: str) -> Entry:
    if kind in ("option", "cmdoption"):
        first = re.split(r"[\s=\[,]", signature, maxsplit=1)[0]
        parts = ["cmdoption", *([program] if program else []), first.lstrip("-/+")]
        return Entry(signature, first, "-".join(_identifier(part) for part in parts))
    name = signature.split("(")[0].strip()
    anchor = f"{kind}-{_identifier(name)}" if kind in ("envvar", "confval") else ""
    return Entry(signature, name, anchor)


def _bare(signature: str) -> str:
    """Return the name in a declaration: the last word in front of its parameters."""
    words = re.split(r"[\s*&]+", signature.partition("(")[0].partition("[")[0].strip())
    return words[-1] if words else signature


def _identifier(name: str) -> str:
    """Name an anchor as Sphinx does for entries: letters, digits, points and underscores stay."""
    return _NOT_IN_ID.sub("-", name).strip("-")


def is_type(kind: str) -> bool:
    """Tell whether entries in this one are its members."""
    return kind in _TYPES


def term_anchor(term: str) -> str:
    """Return the anchor of a term of a glossary."""
    return f"term-{_identifier(term)}"
