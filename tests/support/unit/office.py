"""Builders of Office documents: the parts that a test names in a package, and XML of the usual elements."""

from __future__ import annotations

import io
import zipfile

_SCHEMAS = "http://schemas.openxmlformats.org"
_REL = f"{_SCHEMAS}/officeDocument/2006/relationships"
_MAIN = f"{_SCHEMAS}/wordprocessingml/2006/main"
NAMES = (
    f'xmlns:w="{_MAIN}" xmlns:r="{_REL}" xmlns:a="{_SCHEMAS}/drawingml/2006/main" '
    f'xmlns:p="{_SCHEMAS}/presentationml/2006/main" xmlns:c="{_SCHEMAS}/drawingml/2006/chart" '
    f'xmlns:m="{_SCHEMAS}/officeDocument/2006/math" xmlns:mc="{_SCHEMAS}/markup-compatibility/2006" '
    f'xmlns:wp="{_SCHEMAS}/drawingml/2006/wordprocessingDrawing" xmlns:v="urn:schemas-microsoft-com:vml" '
    f'xmlns:dgm="{_SCHEMAS}/drawingml/2006/diagram" xmlns:p14="http://schemas.microsoft.com/office/powerpoint/2010/main"'
)


def package(parts: dict[str, str]) -> bytes:
    """Pack parts, with the same bytes each time."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in {
            "[Content_Types].xml": f'<Types xmlns="{_SCHEMAS}/package/2006/content-types"/>',
            **parts,
        }.items():
            archive.writestr(zipfile.ZipInfo(name, (2024, 1, 2, 0, 0, 0)), text, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def relationships(entries: dict[str, tuple[str, str]]) -> str:
    """Make a part of relationships; a target with a scheme is outside."""
    outside = ' TargetMode="External"'
    lines = [
        f'<Relationship Id="{name}" Type="{_REL}/{kind}" Target="{target}"{outside if ":" in target else ""}/>'
        for name, (kind, target) in entries.items()
    ]
    return f'<Relationships xmlns="{_SCHEMAS}/package/2006/relationships">{"".join(lines)}</Relationships>'


def word(body: str, *, links: dict[str, tuple[str, str]] | None = None, **parts: str) -> bytes:
    """Make a Word document of the blocks of its body and the insides of other parts (`styles`, `numbering`, `footnotes` …)."""
    related = {name: (name, f"{name}.xml") for name in parts} | (links or {})
    return package(
        {
            "_rels/.rels": relationships({"main": ("officeDocument", "word/document.xml")}),
            "word/_rels/document.xml.rels": relationships(related),
            "word/document.xml": f"<w:document {NAMES}><w:body>{body}</w:body></w:document>",
            **{f"word/{name}.xml": f"<w:{name} {NAMES}>{text}</w:{name}>" for name, text in parts.items()},
        }
    )


def run(text: str, properties: str = "") -> str:
    return f'<w:r><w:rPr>{properties}</w:rPr><w:t xml:space="preserve">{text}</w:t></w:r>'


def paragraph(content: str, style: str = "", properties: str = "") -> str:
    """Make a paragraph; text without markup is one run."""
    inside = content if content.startswith("<") else run(content)
    named = f'<w:pStyle w:val="{style}"/>' if style else ""
    return f"<w:p><w:pPr>{named}{properties}</w:pPr>{inside}</w:p>"


def style(
    identifier: str, name: str, based_on: str = "", properties: str = "", *, kind: str = "paragraph", run: str = ""
) -> str:
    base = f'<w:basedOn w:val="{based_on}"/>' if based_on else ""
    return (
        f'<w:style w:type="{kind}" w:styleId="{identifier}"><w:name w:val="{name}"/>{base}'
        f"<w:pPr>{properties}</w:pPr><w:rPr>{run}</w:rPr></w:style>"
    )


def numbered(number: int, level: int = 0) -> str:
    return f'<w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="{number}"/></w:numPr>'


def level(number: int, text: str, *, form: str = "decimal", more: str = "") -> str:
    return f'<w:lvl w:ilvl="{number}"><w:start w:val="1"/><w:numFmt w:val="{form}"/>{more}<w:lvlText w:val="{text}"/></w:lvl>'


def numbering(*definitions: str, more: str = "") -> str:
    """Make definitions of lists, the first of which is list 1."""
    abstract = "".join(
        f'<w:abstractNum w:abstractNumId="{number}">{levels}</w:abstractNum>'
        for number, levels in enumerate(definitions)
    )
    numbers = "".join(
        f'<w:num w:numId="{number + 1}"><w:abstractNumId w:val="{number}"/></w:num>'
        for number in range(len(definitions))
    )
    return abstract + numbers + more


HEADINGS = style("H1", "heading 1") + style("H2", "heading 2") + style("T", "Title")


def slides(
    *trees: str,
    links: dict[int, dict[str, tuple[str, str]]] | None = None,
    more: dict[str, str] | None = None,
    extra: str = "",
) -> bytes:
    """Make a presentation of the shapes of its slides; `links` are relationships by slide, from 1 on."""
    numbers = range(1, len(trees) + 1)
    entries = "".join(f'<p:sldId id="{255 + number}" r:id="s{number}"/>' for number in numbers)
    return package(
        {
            "_rels/.rels": relationships({"main": ("officeDocument", "ppt/presentation.xml")}),
            "ppt/presentation.xml": f"<p:presentation {NAMES}><p:sldIdLst>{entries}</p:sldIdLst>{extra}</p:presentation>",
            "ppt/_rels/presentation.xml.rels": relationships(
                {f"s{n}": ("slide", f"slides/slide{n}.xml") for n in numbers}
            ),
            **{
                f"ppt/slides/slide{n}.xml": f"<p:sld {NAMES}><p:cSld><p:spTree>{tree}</p:spTree></p:cSld></p:sld>"
                for n, tree in enumerate(trees, start=1)
            },
            **{f"ppt/slides/_rels/slide{n}.xml.rels": relationships(entry) for n, entry in (links or {}).items()},
            **(more or {}),
        }
    )


def shape(content: str, kind: str = "", *, at: tuple[int, int, int, int] | None = None, index: str = "") -> str:
    """Make a shape of paragraphs; `kind` is the placeholder that it fills, `at` left, top, width and height."""
    placeholder = f'<p:ph type="{kind}"{f" idx={chr(34)}{index}{chr(34)}" if index else ""}/>' if kind else ""
    place = f'<a:xfrm><a:off x="{at[0]}" y="{at[1]}"/><a:ext cx="{at[2]}" cy="{at[3]}"/></a:xfrm>' if at else ""
    inside = content if content.startswith("<") else line(content)
    return (
        f'<p:sp><p:nvSpPr><p:cNvPr id="2" name="x"/><p:cNvSpPr/><p:nvPr>{placeholder}</p:nvPr></p:nvSpPr>'
        f"<p:spPr>{place}</p:spPr><p:txBody><a:bodyPr/>{inside}</p:txBody></p:sp>"
    )


def line(text: str, properties: str = "<a:pPr/>", *, run: str = "") -> str:
    return f"<a:p>{properties}<a:r><a:rPr>{run}</a:rPr><a:t>{text}</a:t></a:r></a:p>"
