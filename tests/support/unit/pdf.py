"""Builds small PDF files: text where a test puts it, an outline, labels of pages, links."""

from __future__ import annotations

from dataclasses import dataclass, field

_FONTS = {"F1": "Helvetica", "F2": "Helvetica-Bold", "F3": "Courier", "F4": "Times-Italic"}


@dataclass
class Sheet:
    """A page that is being written; places are in points from its lower left corner."""

    content: list[str] = field(default_factory=list)
    links: list[tuple[tuple[int, int, int, int], str]] = field(default_factory=list)

    def put(self, x: float, y: float, text: str, size: float = 10, font: str = "F1") -> Sheet:
        escaped = text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
        self.content.append(f"BT /{font} {size} Tf {x} {y} Td ({escaped}) Tj ET")
        return self

    def lines(self, x: float, y: float, *texts: str, size: float = 10, font: str = "F1", leading: float = 12) -> Sheet:
        for number, text in enumerate(texts):
            self.put(x, y - leading * number, text, size, font)
        return self

    def picture(self) -> Sheet:
        self.content.append("q 300 0 0 300 100 100 cm /I Do Q")
        return self

    def link(self, left: int, bottom: int, right: int, top: int, target: str) -> Sheet:
        """Add a link; a target that is a number is a page, from 0 on."""
        self.links.append(((left, bottom, right, top), target))
        return self


@dataclass(frozen=True)
class Mark:
    """An entry of the outline: depth from 1 on, page from 0 on."""

    level: int
    title: str
    page: int
    y: int | None = None


def pdf(
    *sheets: Sheet, outline: tuple[Mark, ...] = (), labels: str = "", title: str = "", encrypt: bool = False
) -> bytes:
    """Make a document; `labels` is the array of its page labels as the file has it."""
    objects: list[bytes] = [b"", b""]

    def add(text: str | bytes) -> int:
        objects.append(text if isinstance(text, bytes) else text.encode("latin-1"))
        return len(objects)

    fonts = {
        name: add(f"<< /Type /Font /Subtype /Type1 /BaseFont /{base} /Encoding /WinAnsiEncoding >>")
        for name, base in _FONTS.items()
    }
    picture = add(
        "<< /Type /XObject /Subtype /Image /Width 1 /Height 1 /ColorSpace /DeviceGray /BitsPerComponent 8 /Length 1 >>\n"
        "stream\n0\nendstream"
    )
    resources = " ".join(f"/{name} {number} 0 R" for name, number in fonts.items())
    first = len(objects) + 1
    pages = [first + 2 * number for number in range(len(sheets))]
    for sheet in sheets:
        annotations = "".join(
            f"<< /Type /Annot /Subtype /Link /Rect [{' '.join(map(str, box))}] "
            + (f"/Dest [{pages[int(target)]} 0 R /Fit]" if target.isdecimal() else f"/A << /S /URI /URI ({target}) >>")
            + " >>"
            for box, target in sheet.links
        )
        add(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Annots [{annotations}] /Contents {len(objects) + 2} 0 R "
            f"/Resources << /Font << {resources} >> /XObject << /I {picture} 0 R >> >> >>"
        )
        stream = "\n".join(sheet.content).encode("cp1252")
        add(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream))
    root = _outline(outline, pages, objects) if outline else 0
    objects[0] = (
        f"<< /Type /Catalog /Pages 2 0 R {f'/Outlines {root} 0 R' if root else ''} "
        f"{f'/PageLabels << /Nums {labels} >>' if labels else ''} >>"
    ).encode()
    objects[1] = f"<< /Type /Pages /Kids [{' '.join(f'{page} 0 R' for page in pages)}] /Count {len(pages)} >>".encode()
    trailer = ""
    if title:
        trailer += f" /Info {add(f'<< /Title ({title}) >>')} 0 R"
    if encrypt:
        keys = f"/O <{'41' * 32}> /U <{'42' * 32}>"
        number = add(f"<< /Filter /Standard /V 1 /R 2 /Length 40 /P -4 {keys} >>")
        trailer += f" /Encrypt {number} 0 R /ID [<{'43' * 16}> <{'43' * 16}>]"
    return _file(objects, trailer)


def _outline(outline: tuple[Mark, ...], pages: list[int], objects: list[bytes]) -> int:
    root = len(objects) + 1
    numbers = [root + 1 + at for at in range(len(outline))]
    parents: list[int] = []
    for at, mark in enumerate(outline):
        above = next((before for before in range(at - 1, -1, -1) if outline[before].level < mark.level), None)
        parents.append(-1 if above is None else above)
    children = {
        parent: [at for at, above in enumerate(parents) if above == parent] for parent in (-1, *range(len(outline)))
    }

    def family(parent: int) -> str:
        found = children[parent]
        return f"/First {numbers[found[0]]} 0 R /Last {numbers[found[-1]]} 0 R /Count {len(found)}" if found else ""

    objects.append(f"<< /Type /Outlines {family(-1)} >>".encode())
    for at, mark in enumerate(outline):
        siblings = children[parents[at]]
        place = siblings.index(at)
        following = f"/Next {numbers[siblings[place + 1]]} 0 R" if place + 1 < len(siblings) else ""
        before = f"/Prev {numbers[siblings[place - 1]]} 0 R" if place else ""
        view = f"/XYZ 0 {mark.y} null" if mark.y is not None else "/Fit"
        parent = root if parents[at] < 0 else numbers[parents[at]]
        objects.append(
            f"<< /Title ({mark.title}) /Parent {parent} 0 R {following} {before} "
            f"/Dest [{pages[mark.page]} 0 R {view}] {family(at)} >>".encode()
        )
    return root


def _file(objects: list[bytes], trailer: str) -> bytes:
    data = b"%PDF-1.4\n"
    places = []
    for number, content in enumerate(objects, start=1):
        places.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    start = len(data)
    data += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    data += b"".join(b"%010d 00000 n \n" % place for place in places)
    return data + f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R{trailer} >>\nstartxref\n{start}\n%%EOF\n".encode()
