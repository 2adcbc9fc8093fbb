"""Links that are no Markdown: `[[wiki]]` links, Hugo's `ref`, Jekyll's `link`, MyST's `{doc}` role.

They are looked for in what the inline parser left as text, so never in code.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from markdown_it.token import Token

from docgraph.domain.site_routes import LinkKind
from docgraph.formats.anchors import AnchorBook

_LABEL = r"(?:\[(?P<{name}>[^\[\]\n]{{1,300}})\]\([ \t]*)?"
_SHORTCODES = re.compile(
    _LABEL.format(name="hugo_text")
    + r"\{\{[<%]-?\s*(?:rel)?ref\s+(?:path\s*=\s*)?[\"'](?P<hugo>[^\"'\n{}]{1,1000})[\"'][^{}\n]{0,200}[>%]\}\}"
    + "|"
    + _LABEL.format(name="jekyll_text")
    + r"\{%-?\s*link\s+(?P<jekyll>[^\s%{}]{1,500})\s*-?%\}"
)
#: `x[[1]]` and `[[ -f file ]]` are code that is not marked as such.
_WIKI = re.compile(
    r"(?<![\w!\]\\])\[\[(?P<page>(?=[\w./#])[^\[\]\n|#]{0,300})(?:#(?P<heading>[^\[\]\n|]{1,300}))?(?:\|(?P<text>[^\[\]\n]{1,300}))?\]\]"
)
_DOC_ROLE = re.compile(r"\{doc\}\Z")
_TITLED = re.compile(r"(?P<text>[^<>]{0,300}?)\s*<(?P<target>[^<>\s]{1,500})>")


@dataclass(frozen=True, slots=True)
class SiteLink:
    """A reference, its text, and how it names its target; `place` is text by which it is found in the source."""

    reference: str
    text: str
    kind: LinkKind
    place: str


def site_links(children: Sequence[Token]) -> Iterator[SiteLink]:
    """Yield the links in parsed inline Markdown that Markdown does not know, in their order."""
    role = False
    for child in children:
        if child.type == "code_inline" and role:
            titled = _TITLED.fullmatch(child.content.strip())
            target = titled["target"] if titled else child.content.strip()
            yield SiteLink(target, titled["text"] if titled else "", LinkKind.ADDRESS, child.content)
        role = child.type == "text" and _DOC_ROLE.search(child.content) is not None
        if child.type == "text":
            found = [*_SHORTCODES.finditer(child.content), *_WIKI.finditer(child.content)]
            for match in sorted(found, key=lambda each: each.start()):
                yield _of_wiki(match) if match.re is _WIKI else _of_shortcode(match)


def _of_shortcode(match: re.Match[str]) -> SiteLink:
    if match["jekyll"]:
        # Jekyll names a file from the site's root.
        return SiteLink(f"/{match['jekyll'].lstrip('/')}", match["jekyll_text"] or "", LinkKind.ADDRESS, match.group())
    return SiteLink(match["hugo"], match["hugo_text"] or "", LinkKind.NAME, match.group())


def _of_wiki(match: re.Match[str]) -> SiteLink:
    page, heading = match["page"].strip(), (match["heading"] or "").strip()
    anchor = f"#{AnchorBook().take(heading)}" if heading else ""
    return SiteLink(f"{quote(page)}{anchor}", match["text"] or page, LinkKind.NAME, match.group())
