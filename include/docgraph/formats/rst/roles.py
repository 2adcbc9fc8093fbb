"""Reduces roles to the text that a reader sees of them, as Sphinx publishes it."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from docutils.utils import unescape

#: A title in front of what it leads to: `the limits <limits>`.
_TITLED = re.compile(r"^(.+?)\s*(?<!\x00)<([^<>]*)>$", re.DOTALL)
_VERBATIM = frozenset({"code", "math", "literal", "samp", "file", "kbd", "sub", "sup", "subscript", "superscript",
                       "strong", "emphasis", "title-reference", "title", "t", "command", "program", "dfn", "mailheader",
                       "makevar", "manpage", "mimetype", "newsgroup", "regexp", "code-block", "py", "python", "bash",
                       "cpp", "c", "guilabel", "menuselection", "abbr", "abbreviation", "acronym", "index"})  # fmt: skip
_CODE = frozenset({"code", "literal", "samp", "file", "option", "envvar", "confval", "func", "meth", "class", "mod", "attr",
                   "data", "exc", "obj", "const", "deco", "type", "member", "macro", "var", "struct", "enum", "enumerator",
                   "union", "expr", "function", "method", "module", "attribute", "exception", "token", "dir", "rst",
                   "directive", "role", "setting", "program", "command", "keyword"})  # fmt: skip
_CALLS = frozenset({"func", "meth", "function", "method"})
_OBJECTS = frozenset({"func", "meth", "class", "mod", "attr", "data", "exc", "obj", "const", "deco", "type", "any", "member",
                      "function", "method", "module", "attribute", "exception"})  # fmt: skip
_NUMBERED = {
    "pep": ("PEP", "https://peps.python.org/pep-{:0>4}/"),
    "rfc": ("RFC", "https://datatracker.ietf.org/doc/html/rfc{}.html"),
    "cve": ("CVE", "https://www.cve.org/CVERecord?id=CVE-{}"),
    "cwe": ("CWE", "https://cwe.mitre.org/data/definitions/{}.html"),
}
#: Roles of Sphinx that lead to a label, a page or an entry, wherever that is.
_LEADING = frozenset(
    {"ref", "doc", "term", "numref", "option", "envvar", "confval", "token", "keyword", "eq", "directive", "role"}
)


def interpreted(rawsource: str, text: str, role: str, document: Any) -> list[Any]:
    """Return the nodes that stand for `:role:`text``."""
    name = role.lower().rpartition(":")[2] if role else ""
    if name in _NUMBERED:
        return [_numbered(rawsource, unescape(text), name)]
    if name == "raw" or name in _raw_roles(document):
        return []
    shown, target = text, text
    has_title = False
    if name not in _VERBATIM or name == "index":
        titled = _TITLED.match(text)
        if titled:
            shown, target, has_title = titled[1], titled[2], True
    shown, target = unescape(shown), unescape(target).strip()
    if not has_title:
        shown = _shortened(name, shown)
    if name in _OBJECTS or name in _LEADING or name == "download":
        return [
            nodes.inline(rawsource, shown, kind=name, target=target.lstrip("!~."), titled=has_title, code=name in _CODE)
        ]
    if name in _CODE or name in _code_roles(document):
        return [nodes.literal(rawsource, shown)]
    return [nodes.inline(rawsource, shown)]


def _shortened(name: str, shown: str) -> str:
    """Return what Sphinx shows of a target without a title."""
    if name == "menuselection":
        return re.sub(r"&(?=\S)", "", shown).replace("-->", "‣")
    if name == "guilabel":
        return re.sub(r"&(?=[^\s&])", "", shown)
    if name in ("samp", "file"):
        return re.sub(r"\{([^{}]*)\}", r"\1", shown)
    if name in _OBJECTS:
        shown = shown.lstrip("!")
        if shown.startswith("~"):
            shown = re.split(r"\.|::", shown[1:])[-1]
        shown = shown.lstrip(".")
        if name in _CALLS and shown and not shown.endswith(")"):
            shown += "()"
    elif name in _LEADING:
        shown = shown.lstrip("!~")
    return shown


def _numbered(rawsource: str, text: str, name: str) -> Any:
    titled = _TITLED.match(text)
    shown, target = (titled[1], titled[2]) if titled else ("", text)
    number, _, anchor = target.strip().partition("#")
    label, address = _NUMBERED[name]
    href = address.format(number) + (f"#{anchor}" if anchor else "")
    return nodes.reference(rawsource, shown or f"{label} {number}", refuri=href)


def note_role(document: Any, name: str, base: str) -> None:
    """Remember a role that a document defines (`.. role:: name(base)`): whether it is raw, or code."""
    if not hasattr(document, "docgraph_roles"):
        document.docgraph_roles = {}
    document.docgraph_roles[name.lower()] = document.docgraph_roles.get(base.lower(), base.lower())


def _raw_roles(document: Any) -> set[str]:
    return {name for name, base in getattr(document, "docgraph_roles", {}).items() if base == "raw"}


def _code_roles(document: Any) -> set[str]:
    return {name for name, base in getattr(document, "docgraph_roles", {}).items() if base in ("code", "literal")}
