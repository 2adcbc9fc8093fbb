"""Reads running text: macros, links, references, and formatting marks, as a reader sees them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from docgraph.formats.asciidoc.preprocessing import substituted
from docgraph.formats.writer import Inline

#: Longer texts in brackets are no text of a macro.
_TEXT = r"((?:\\\]|[^\]\\]|\\(?!\])){0,1000}?)"
_MACROS = re.compile(
    r"(?P<pass>\+\+\+(?P<passed>.{0,4000}?)\+\+\+|\$\$(?P<passed2>.{1,4000}?)\$\$|(?<![\w\\])pass:[a-z,]{0,20}\[(?P<passed3>"
    + _TEXT[1:-1]
    + r")\])"
    r"|(?P<code>\\?`+(?P<coded>[^`\s](?:[^`]{0,2000}?[^`\s])?)`+)"
    r"|(?P<escaped>\\(?=(?:https?://|<<|\[\[|link:|xref:|image:|footnote:|\(\()))"
    r"|<<(?P<ref>[^<>,\n]{1,300})(?:,\s*(?P<reftext>[^<>]{0,1000}))?>>"
    r"|(?<!\w)(?P<macro>link|xref|mailto|image|icon|footnote|footnoteref|kbd|btn|menu|stem|latexmath|asciimath|anchor|indexterm2?)"
    r":(?P<target>[^\s\[\]:][^\s\[\]]{0,2000})?\[(?P<text>" + _TEXT[1:-1] + r")\]"
    r"|(?P<url>(?<![\w/:=\"'])(?:https?|ftp|irc)://[^\s\[\]<>\"]{0,1999}[^\s\[\]<>\".,;:!?)'])(?:\[(?P<urltext>"
    + _TEXT[1:-1]
    + r")\])?"
    r"|(?P<anchor>\[\[[\w:][\w.:-]{0,200}(?:,[^\]\n]{0,200})?\]\])"
    r"|(?P<index>\(\(\([^()\n]{1,500}\)\)\))|\(\((?P<term>[^()\n]{1,500})\)\)",
    re.DOTALL,
)
_ROLE = re.compile(r"\[[.#%\w][\w.# %-]{0,100}\](?=[#*_`])")
_MARKS = (
    (re.compile(r"(?<!\\)\*\*(\S|\S.{0,2000}?\S)\*\*"), r"\1"),
    (re.compile(r"(?<![\w;:}\\*])\*(\S|\S[^*]{0,2000}?\S)\*(?!\w)"), r"\1"),
    (re.compile(r"(?<!\\)__(\S|\S.{0,2000}?\S)__"), r"\1"),
    (re.compile(r"(?<![\w;:}\\_])_(\S|\S[^_]{0,2000}?\S)_(?!\w)"), r"\1"),
    (re.compile(r"(?<![\w&;:}\\#])#(\S|\S[^#]{0,2000}?\S)#(?!\w)"), r"\1"),
    (re.compile(r"(?<!\\)\^(\S{1,200}?)\^"), r"\1"),
    (re.compile(r"(?<!\\)~(\S{1,200}?)~"), r"\1"),
    (re.compile(r"\\(?=[*_#^~`{+])"), ""),
)
_QUOTES = (
    (re.compile(r'"`([^`\s](?:[^`]{0,2000}?[^`\s])?)`"'), "“\\1”"),
    (re.compile(r"'`([^`\s](?:[^`]{0,2000}?[^`\s])?)`'"), "‘\\1’"),
)
_OLD_QUOTES = re.compile(r"``([^`\s](?:[^`']{0,2000}?[^`'\s])?)''")
_OLD_EMPHASIS = re.compile(r"(?<!\w)'([^'\s](?:[^'\n]{0,1000}?[^'\s])?)'(?!\w)")
_PLUS = re.compile(r"(?<![\w+`])\+([^+\s](?:[^+]{0,2000}?[^+\s])?)\+(?![\w+`])")
_SIGNS = (("(C)", "©"), ("(R)", "®"), ("(TM)", "™"), ("...", "…"))
_TYPOGRAPHY = (
    (re.compile(r"(?<=\w)\\?'(?=[^\W\d_])"), "’"),
    (re.compile(r"(?<=\w)--(?=\w)"), "—"),
    (re.compile(r"(?:^|[ \n])--(?:[ \n]|$)"), "\u2009—\u2009"),
    (re.compile(r"(?<![\\-])->"), "→"),
    (re.compile(r"(?<![\\=])=>"), "⇒"),
    (re.compile(r"(?<!\\)<-(?!-)"), "←"),
    (re.compile(r"(?<!\\)<="), "⇐"),
)
_ENTITY = re.compile(r"&(#\d{2,6}|#x[0-9a-fA-F]{2,5}|[a-zA-Z]{2,8});")


@dataclass(slots=True)
class Names:
    """What references of a document lead to: titles by anchor and the other way round; its notes; what was asked for in vain."""

    titles: dict[str, str] = field(default_factory=dict)
    anchors: dict[str, str] = field(default_factory=dict)
    has_unknown: bool = False
    notes: list[tuple[int, str]] = field(default_factory=list)
    numbered: dict[str, int] = field(default_factory=dict)
    count: int = 0


def inlines(text: str, attributes: dict[str, str], names: Names) -> list[Inline]:
    """Return running text."""
    text = substituted(text, attributes)
    for pattern, quoted in _QUOTES:
        text = pattern.sub(quoted, text)
    is_old = "compat-mode" in attributes
    if is_old:
        text = _OLD_QUOTES.sub("“\\1”", text)
    pieces: list[Inline] = []
    end = 0
    for found in _MACROS.finditer(text):
        pieces.append(Inline(_marked(text[end : found.start()], is_old=is_old)))
        end = found.end()
        pieces += _read(found, attributes, names)
    pieces.append(Inline(_marked(text[end:], is_old=is_old)))
    return [piece for piece in pieces if piece.text]


def _read(found: re.Match[str], attributes: dict[str, str], names: Names) -> list[Inline]:
    if found["pass"] is not None:
        return [Inline(found["passed"] or found["passed2"] or found["passed3"] or "")]
    if found["code"] is not None:
        if found["code"].startswith("\\"):
            return [Inline(found["code"][1:])]
        coded = found["coded"]
        if len(coded) > 2 and coded[0] == coded[-1] == "+":
            coded = coded[1:-1]
        return [Inline(f"`{coded}`")]
    if found["escaped"] is not None or found["anchor"] is not None or found["index"] is not None:
        return []
    if found["term"] is not None:
        return [Inline(found["term"])]
    if found["ref"] is not None:
        return [_reference(found["ref"].strip(), found["reftext"] or "", names)]
    if found["url"] is not None:
        text = _first(found["urltext"] or "")
        return [Inline(_plain(text) or found["url"], found["url"])]
    return _macro(found["macro"], found["target"] or "", (found["text"] or "").replace("\\]", "]"), attributes, names)


def _macro(kind: str, target: str, text: str, attributes: dict[str, str], names: Names) -> list[Inline]:
    if kind == "xref":
        return [_reference(target, text, names)]
    if kind == "link":
        return [Inline(_plain(_first(text)) or target, target)]
    if kind == "mailto":
        return [Inline(_plain(_first(text)) or target, f"mailto:{target}")]
    if kind == "image":
        return [Inline(_first(text))] if "=" not in _first(text) else []
    if kind in ("footnote", "footnoteref"):
        return [Inline(_note(target, text, kind, attributes, names))]
    if kind == "kbd":
        return [Inline(text)]
    if kind == "btn":
        return [Inline(text)]
    if kind == "menu":
        return [Inline(" ‣ ".join(filter(None, [target, *(part.strip() for part in re.split(r"&gt;|>", text))])))]
    if kind in ("stem", "latexmath", "asciimath", "indexterm2"):
        return [Inline(text)]
    return []


def _note(target: str, text: str, kind: str, attributes: dict[str, str], names: Names) -> str:
    if kind == "footnoteref":
        target, _, text = text.partition(",")
    if target and target in names.numbered and not text:
        return f"[{names.numbered[target]}]"
    names.count += 1
    if target:
        names.numbered[target] = names.count
    names.notes.append((names.count, text))
    return f"[{names.count}]"


def _reference(target: str, text: str, names: Names) -> Inline:
    page, mark, anchor = target.partition("#")
    if not mark and not page.endswith((".adoc", ".asciidoc", ".html")):
        page, anchor = "", target
    href = page + (f"#{anchor}" if anchor else "")
    if text:
        return Inline(_plain(text.strip()), href)
    if not page:
        # A reference may name a section by its title, too.
        title = names.titles.get(anchor)
        if title is None:
            named = names.anchors.get(anchor)
            names.has_unknown = names.has_unknown or named is None
            if named is not None:
                return Inline(anchor, f"#{named}")
            return Inline(f"[{anchor}]", href)
        return Inline(title, href)
    return Inline(page, href)


def _first(text: str) -> str:
    """Return what of a macro's text is shown: without window, role and other named attributes."""
    if "=" in text:
        if text.startswith('"'):
            return text[1:].partition('"')[0]
        text = re.split(r",\s*\w+=", text, maxsplit=1)[0]
        if re.match(r"\w+=", text):
            return ""
    return text.removesuffix("^").strip('"')


def _plain(text: str) -> str:
    return _marked(text, is_old=False).replace("`", "")


def _marked(text: str, *, is_old: bool) -> str:
    """Take formatting marks out of text that has no macros."""
    if is_old:
        text = _OLD_EMPHASIS.sub(r"\1", text)
    if "+" in text:
        text = _PLUS.sub(r"`\1`" if is_old else r"\1", text)
    if "[" in text:
        text = _ROLE.sub("", text)
    if any(mark in text for mark in "*_#^~\\"):
        for pattern, plain in _MARKS:
            text = pattern.sub(plain, text)
    for sign, shown in _SIGNS:
        text = text.replace(sign, shown)
    for pattern, shown in _TYPOGRAPHY:
        text = pattern.sub(shown, text)
    if text.endswith(" +"):
        text = text[:-2]
    if "&" in text:
        text = _ENTITY.sub(_entity, text)
    return text.replace(" +\n", " ")


def _entity(found: re.Match[str]) -> str:
    from html import unescape

    return unescape(found[0])
