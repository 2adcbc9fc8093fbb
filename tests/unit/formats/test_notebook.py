"""Notebooks of both versions: their Markdown, their code with its language, what they printed; no picture, nothing executed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from docgraph.domain.documents import ParsedDocument
from docgraph.domain.errors import DocumentError, DocumentUnreadableError
from docgraph.formats.notebook import MAX_OUTPUT, sniff
from support.unit.formats_samples import read as parse
from support.unit.formats_samples import texts

TYPE = "application/x-ipynb+json"


def markdown(source: str | list[str]) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": source}


def code(source: str | list[str], *outputs: dict[str, Any]) -> dict[str, Any]:
    return {"cell_type": "code", "metadata": {}, "execution_count": 1, "source": source, "outputs": list(outputs)}


def stream(text: str) -> dict[str, Any]:
    return {"output_type": "stream", "name": "stdout", "text": text}


def notebook(*cells: dict[str, Any], **metadata: Any) -> bytes:
    return json.dumps({"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}).encode()


def read(data: bytes, name: str = "notes.ipynb", content_type: str = TYPE) -> ParsedDocument:
    return parse(data, name=name, content_type=content_type)


def test_cells_become_sections_under_the_headings_of_earlier_cells() -> None:
    parsed = read(
        notebook(
            markdown(["# Owls\n", "Some words."]),
            code(["print('hi')\n", "# not a heading"], stream("hi\n")),
            markdown("## Limits\nTen a day."),
            code("%%bash\nls"),
            kernelspec={"language": "python"},
        )
    )
    assert parsed.title == "Owls"
    assert [section.heading_path for section in parsed.sections] == [("Owls",), ("Owls", "Limits")]
    assert [place.anchor for place in parsed.places] == ["owls", "limits"]
    assert [place.where for place in parsed.places] == ["cell 1", "cell 3"]
    assert [(block.language, block.text) for block in parsed.code_blocks] == [
        ("python", "print('hi')\n# not a heading"),
        ("text", "hi"),
        ("bash", "%%bash\nls"),
    ]


def test_headings_of_several_cells_keep_their_levels_and_have_anchors_of_their_own() -> None:
    parsed = read(notebook(markdown("# A\n\n## Use\n\nx"), markdown("## Use\n\ny"), markdown("# B\n\nz")))
    assert [section.heading_path for section in parsed.sections] == [("A", "Use"), ("A", "Use"), ("B",)]
    assert [place.anchor for place in parsed.places] == ["use", "use-1", "b"]


def test_pictures_are_left_out_and_what_was_printed_is_bounded() -> None:
    picture = {"output_type": "display_data", "data": {"image/png": "iVBORw0KGgo=", "text/plain": ["<Figure>"]}}
    result = {"output_type": "execute_result", "data": {"text/html": "<b>4</b>", "text/plain": "4"}}
    parsed = read(notebook(markdown("# N"), code("plot()", picture, result, stream("x" * 9_000))))
    printed = "\n".join(block.text for block in parsed.code_blocks if block.language == "text")
    assert "iVBOR" not in "".join(texts(parsed))
    assert "<Figure>" not in "".join(texts(parsed))
    assert printed.startswith("4\n")
    assert MAX_OUTPUT - 10 < printed.count("x") <= MAX_OUTPUT


def test_an_error_is_kept_as_it_was_shown_without_the_terminal_s_colours() -> None:
    trace = {
        "output_type": "error",
        "ename": "OwlError",
        "evalue": "no owl",
        "traceback": ["\x1b[31mOwlError\x1b[0m: no owl", "line 3"],
    }
    bare = {"output_type": "error", "ename": "OwlError", "evalue": "gone", "traceback": []}
    parsed = read(notebook(markdown("# N"), code("owl()", trace), code("owl()", bare, stream("\x1b[1mwarn\x1b[0m"))))
    printed = [block.text for block in parsed.code_blocks if block.language == "text"]
    assert printed == ["OwlError: no owl\nline 3", "OwlError: gone\nwarn"]


def test_the_kernel_says_the_language() -> None:
    parsed = read(notebook(code("f(1)"), language_info={"name": "julia"}))
    assert [block.language for block in parsed.code_blocks] == ["julia"]


def test_raw_cells_are_text_and_links_are_found() -> None:
    parsed = read(notebook(markdown("# N\n\nSee [more](more.ipynb#b)."), {"cell_type": "raw", "source": "raw words"}))
    assert "raw words" in texts(parsed)[0]
    assert [(link.target_uri, link.anchor) for link in parsed.links] == [("upload:///more.ipynb", "b")]


def test_version_3_has_worksheets_inputs_and_heading_cells() -> None:
    cells = [
        {"cell_type": "heading", "level": 1, "source": "Old"},
        {
            "cell_type": "code",
            "language": "python",
            "input": ["1 + 1"],
            "outputs": [{"output_type": "pyout", "text": "2"}],
        },
        {"cell_type": "code", "language": "ruby", "input": "puts 1", "outputs": []},
        {"cell_type": "heading", "level": 2, "source": ["Part"]},
        {"cell_type": "markdown", "source": "Words."},
    ]
    parsed = read(json.dumps({"nbformat": 3, "worksheets": [{"cells": cells}], "metadata": {}}).encode())
    assert [section.heading_path for section in parsed.sections] == [("Old",), ("Old", "Part")]
    assert [(block.language, block.text) for block in parsed.code_blocks] == [
        ("python", "1 + 1"),
        ("text", "2"),
        ("ruby", "puts 1"),
    ]


def test_it_is_recognised_by_its_bytes_whatever_it_is_called() -> None:
    data = notebook(markdown("# N\n\nWords."))
    assert read(data, name="notes.md", content_type="text/markdown").format == "notebook"
    assert sniff(b'{"title": "no notebook"}') == 0.0


def test_reading_twice_gives_the_same_ids() -> None:
    data = notebook(markdown("# N\n\nWords."), code("x = 1"))
    assert read(data) == read(data)


@pytest.mark.parametrize(
    "data",
    [
        b'{"nbformat": 4, "cells": [',
        b'{"nbformat": 2, "worksheets": [], "cells": []}',
        b'{"nbformat": 4, "cells": {"a": 1}}',
        b"",
        notebook(),
        notebook(code("")),
        b'{"nbformat": 4, "cells": ' + b"[" * 100_000,
    ],
)
def test_what_is_no_notebook_is_refused_with_its_name(data: bytes) -> None:
    with pytest.raises(DocumentError, match=r"notes"):
        read(data)


def test_odd_cells_are_passed_over() -> None:
    cells: list[Any] = [
        None,
        3,
        {"cell_type": "code"},
        {"cell_type": "markdown", "source": {"a": 1}},
        markdown("# N\n\nx"),
    ]
    assert texts(read(notebook(*cells))) == ["x"]


def test_a_notebook_of_another_version_says_what_to_do() -> None:
    with pytest.raises(DocumentUnreadableError, match="nbformat 5; 3 and 4 are read"):
        read(b'{"nbformat": 5, "cells": []}')
