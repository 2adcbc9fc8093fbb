"""Documents whose reading is costly for their size, and how long each takes from bytes to what a commit writes.

Each kind grows in one direction only (columns, levels, brackets without an end …), so that time which grows faster than the text
shows as an exponent above one.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from docgraph.domain.documents import ParsedDocument
from docgraph.extraction import extract
from docgraph.formats import parse
from docgraph.ingest.stages.build_graph import document_properties, section_rows

Make = Callable[[int], str]

_PROSE = "The heron waits in the shallows of the canal, and the ferry is late again. "


@dataclass(frozen=True, slots=True)
class Kind:
    """A costly kind of document: its extension with the dot, and what makes one of about so many characters."""

    name: str
    extension: str
    make: Make


@dataclass(frozen=True, slots=True)
class Cost:
    """Processor seconds that the three steps took over a document of so many bytes."""

    size: int
    parsing: float
    extracting: float
    building: float

    @property
    def seconds(self) -> float:
        """All three together."""
        return self.parsing + self.extracting + self.building


def filled(piece: str, size: int) -> str:
    """Repeat a piece up to about a size."""
    return piece * max(size // len(piece), 1)


def numbered(template: str, size: int) -> str:
    """Repeat a template with its number in it (`{n}`) up to about a size."""
    length = len(template.replace("{n}", "10000"))
    return "".join(template.replace("{n}", str(10_000 + n)) for n in range(max(size // length, 1)))


def _wide_table(size: int) -> str:
    columns = max(size // 24, 2)
    rows = [[f"column{n}" for n in range(columns)], ["-"] * columns, ["cell `a`"] * columns]
    return "# Wide\n\n" + "\n".join("|" + "|".join(row) + "|" for row in rows) + "\n"


def _square_table(size: int) -> str:
    columns = max(int(math.sqrt(size / 6)), 2)
    row = "|" + "|".join(["cell "] * columns) + "|\n"
    return row + "|" + "|".join(["-"] * columns) + "|\n" + row * (columns - 2)


def _autocompleted_table(size: int) -> str:
    columns = max(int(math.sqrt(size)), 2)
    return "|" + "a|" * columns + "\n|" + "-|" * columns + "\n" + "x\n" * (columns * columns // 2)


def _lists(size: int) -> str:
    depth = max(int(math.sqrt(size)), 2)
    return "".join(f"{'  ' * n}- item {n}\n" for n in range(depth))


def _deep_html(size: int) -> str:
    return filled("<div>", size // 2) + "word" + filled("</div>", size // 2)


def _front_matter(size: int) -> str:
    keys = "".join(f"key{n}: [value{n}, other]\n" for n in range(min(size, 60_000) // 24))
    return f"---\n{keys}---\n" + filled(_PROSE, size - len(keys))


def _long_front_matter(size: int) -> str:
    return "---\ntitle: " + "[" * 400 + "]" * 400 + "\n" + filled("a: b\n", size) + "---\n\ntext\n"


def _definitions_used(size: int) -> str:
    half = size // 2
    return numbered("[ref{n}]\n\n", half) + numbered("[ref{n}]: https://example.com/{n}\n", half)


def _footnotes(size: int) -> str:
    return numbered("Text of a claim[^n{n}].\n\n[^n{n}]: The note that belongs to it.\n\n", size)


def _headings_nested(size: int) -> str:
    return "".join(f"{'#' * (n % 6 + 1)} Heading number {n}\n" for n in range(max(size // 24, 1)))


def _longer_backticks(size: int) -> str:
    count = max(int(math.sqrt(2 * size)), 2)
    return " ".join("`" * n for n in range(1, count))


def _longer_fences(size: int) -> str:
    count = max(int(math.sqrt(2 * size)), 4)
    return "\n".join("`" * n for n in range(count, 3, -1))


def _staircase_of_quotes(size: int) -> str:
    return "".join(f"{'>' * (n % 30 + 1)} quoted text of a line\n" for n in range(max(size // 38, 1)))


def _wide_rows_below_a_long_header(size: int) -> str:
    header = "| a | " + filled("name ", size // 2) + "|\n|---|---|\n"
    return header + filled("| a key | " + "text of a cell, " * 16 + "|\n", size // 2)


def _links_in_wide_rows(size: int) -> str:
    columns = max(size // 60, 2)
    row = "|" + "|".join(f"[page {n}](page{n}.md) and \\| more" for n in range(columns)) + "|\n"
    return "|" + "a|" * columns + "\n|" + "-|" * columns + "\n" + row


_MARKDOWN: dict[str, Make] = {
    "prose": lambda size: filled(_PROSE + "\n", size),
    "paragraphs": lambda size: filled(_PROSE + "\n\n", size),
    "one-line": lambda size: filled(_PROSE, size),
    "short-lines": lambda size: filled("word\n", size),
    "blank-lines": lambda size: "a" + filled(" \n", size) + "b",
    "wide-table": _wide_table,
    "square-table": _square_table,
    "wide-rows-below-a-long-header": _wide_rows_below_a_long_header,
    "links-in-wide-rows": _links_in_wide_rows,
    "long-table": lambda size: "| a | b | c |\n|---|---|---|\n" + filled("| one | `two` | three |\n", size),
    "short-rows": _autocompleted_table,
    "tables": lambda size: filled("| a | b |\n|---|---|\n| c | d |\n\n", size),
    "wide-header-without-rows": lambda size: "|" + filled("a|", size // 2) + "\n|" + filled("-|", size // 2) + "\n",
    "almost-a-table": lambda size: filled("| a | b |\n", size),
    "table-in-quote": lambda size: "> | a | b |\n> |---|---|\n" + filled("> | one | two |\n", size),
    "escaped-pipes": lambda size: "| a |\n|---|\n| " + filled("\\|", size) + " |\n",
    "list-nested": _lists,
    "list-on-one-line": lambda size: filled("- ", size) + "word\n",
    "list-long": lambda size: filled("- an item of a list\n", size),
    "list-loose": lambda size: filled("- an item\n\n  with more\n\n", size),
    "list-of-numbers": lambda size: numbered("{n}. an item\n", size),
    "list-lazy": lambda size: "- begins\n" + filled("goes on\n", size),
    "quotes-nested": lambda size: filled(">", size) + " word\n",
    "quotes-long": lambda size: filled("> quoted text\n", size),
    "quotes-lazy": lambda size: "> begins\n" + filled("goes on\n", size),
    "quotes-staircase": _staircase_of_quotes,
    "quote-and-list": lambda size: filled("> - > - word\n", size),
    "emphasis-open": lambda size: filled("*a ", size),
    "emphasis-nested": lambda size: "# " + filled("*", size // 2) + "word" + filled("*", size // 2) + "\n",
    "emphasis-in-heading": lambda size: "# " + filled("**a *b ", size) + "\n\ntext\n",
    "emphasis-mixed": lambda size: filled("*__a* b__ ~~c ", size),
    "strikethrough-open": lambda size: "# " + filled("~~a ", size) + "\n\n" + "text\n",
    "brackets-open": lambda size: filled("[", size) + "\n",
    "brackets-open-with-words": lambda size: filled("[a ", size) + "\n",
    "brackets-closed": lambda size: filled("]", size) + "\n",
    "brackets-nested": lambda size: filled("[", size // 2) + filled("]", size // 2) + "\n",
    "brackets-with-parenthesis": lambda size: filled("[a](", size) + "\n",
    "links-open": lambda size: filled("[a](b", size) + "\n",
    "links-in-angles": lambda size: filled("[a](<b", size) + "\n",
    "links": lambda size: filled("[a word](https://example.com/a) ", size) + "\n",
    "links-of-equal-text": lambda size: filled("[here](page.md) and text\n", size),
    "links-relative": lambda size: numbered("[page {n}](../a/{n}.md#top)\n\n", size),
    "images-nested": lambda size: filled("![", size // 2) + "a" + filled("](b)", size // 2) + "\n",
    "definitions": lambda size: numbered("[ref{n}]: https://example.com/{n}\n", size),
    "definitions-used": _definitions_used,
    "definitions-open": lambda size: filled("[a]: b 'title\n", size),
    "definition-of-many-lines": lambda size: "[a]: b '" + filled("title\n", size) + "'\n",
    "definition-without-an-end": lambda size: "[" + filled("a\n", size),
    "definition-labels": lambda size: filled("[a]:\n", size),
    "footnotes": _footnotes,
    "footnotes-unused": lambda size: numbered("[^n{n}]: A note.\n", size),
    "footnote-used-often": lambda size: "[^1]: A note.\n\n" + filled("text[^1] ", size),
    "footnotes-open": lambda size: filled("[^a ", size),
    "headings": lambda size: numbered("## Heading {n}\n\nText.\n\n", size),
    "headings-equal": lambda size: filled("## Same\n\nThe text of it.\n\n", size),
    "headings-equal-and-numbered": lambda size: filled("## the same\n\n## the same-1\n\n", size),
    "headings-empty": lambda size: filled("#\n\nText below it.\n\n", size),
    "headings-without-text": _headings_nested,
    "heading-long": lambda size: "# " + filled("word ", size) + "\n\ntext\n",
    "heading-with-brackets": lambda size: "# " + filled("{#a ", size) + "\n\ntext\n",
    "comments-in-a-heading": lambda size: "# " + filled("a {/* b ", size) + "\n\ntext\n",
    "spaces-in-a-heading": lambda size: "# a" + " " * size + "b\n\ntext\n",
    "headings-with-comments": lambda size: filled("# a {/* b\n\nText.\n\n", size),
    "headings-underlined": lambda size: filled("Name\n====\n\nText.\n\n", size),
    "underlined-of-many-lines": lambda size: filled("name\n", size) + "===\n",
    "html-block": lambda size: filled("<div>\n\n", size),
    "html-deep": _deep_html,
    "html-open-tags": lambda size: filled("<a ", size),
    "html-open-tags-in-block": lambda size: "<div>\n" + filled("<a b\n", size),
    "html-comments-open": lambda size: filled("<!-- a ", size),
    "html-comments-open-lines": lambda size: filled("<!-- a\n\n", size),
    "html-comments": lambda size: filled("text <!-- a --> ", size),
    "html-headings-open": lambda size: "<div>\n" + filled("<h1>a ", size),
    "html-headings": lambda size: filled("<h2>Name</h2>\n\ntext of it\n\n", size),
    "html-tables-open": lambda size: "<div>\n" + filled("<table><tr>\n", size),
    "html-header-cells-open": lambda size: "<table><tr>\n" + filled("<th>a", size) + "<tr>b</table>",
    "html-scripts-open": lambda size: "<div>\n" + filled("<script>a ", size),
    "html-processing-open": lambda size: filled("a <?", size),
    "html-declarations-open": lambda size: filled("a <!A ", size),
    "html-cdata-open": lambda size: filled("a <![CDATA[", size),
    "html-attributes": lambda size: "<div " + numbered("data-a{n}='b' ", size) + ">\n",
    "html-links-open": lambda size: "<div>\n" + filled('<a href="', size),
    "autolinks-open": lambda size: filled("<https://example.com/", size),
    "backticks-longer": _longer_backticks,
    "backticks-open": lambda size: filled("`` ` ", size),
    "code-spans": lambda size: filled("`code` and ", size),
    "code-spans-of-lines": lambda size: filled("the `log_level` setting and `--flag`\n", size),
    "fence-long": lambda size: "```python\n" + filled("value = call(name)\n", size) + "```\n",
    "fence-open": lambda size: "```\n" + filled("value = call(name)\n", size),
    "fences": lambda size: filled("```sh\nls -l\n```\n\n", size),
    "fences-open": lambda size: filled("```a\n", size),
    "fences-longer": _longer_fences,
    "fence-in-quote": lambda size: "> ```\n" + filled("> line\n", size),
    "fences-in-list": lambda size: filled("- ```\n  a\n  ```\n", size),
    "fence-without-blank": lambda size: "```\n" + filled("x", size) + "\n```\n",
    "code-indented": lambda size: filled("    code\n", size),
    "code-indented-apart": lambda size: filled("    code\n\n", size),
    "shell-continued": lambda size: "```sh\n" + filled("command --option \\\n", size) + "```\n",
    "shell-prompts": lambda size: "```console\n" + filled("$ git commit --all -m 'x'\n", size) + "```\n",
    "shell-heredocs": lambda size: "```sh\n" + numbered("cat <<EOF{n}\n", size) + "```\n",
    "shell-quotes-open": lambda size: "```sh\n" + filled("echo 'a\n", size) + "```\n",
    "yaml-deep": lambda size: (
        "```yaml\n" + "".join(f"{' ' * n}key{n}:\n" for n in range(int(math.sqrt(2 * size)))) + "```\n"
    ),
    "yaml-long": lambda size: "```yaml\n" + numbered("key{n}: value\n", size) + "```\n",
    "toml-quotes": lambda size: "```toml\n" + filled('key = """ a\n', size) + "```\n",
    "python-definitions": lambda size: "```python\n" + numbered("def name{n}(): ...\n", size) + "```\n",
    "front-matter": _front_matter,
    "front-matter-odd": _long_front_matter,
    "front-matter-json": lambda size: "{" + filled('"a": {', size) + "}\n",
    "rules": lambda size: filled("---\n\n", size),
    "identifiers": lambda size: numbered("snake_case_{n} camelCase{n} dotted.name.{n} ", size),
    "identifiers-glued": lambda size: filled("a_b.c:d/e-", size),
    "identifiers-humps": lambda size: filled("aB", size),
    "word-long": lambda size: filled("x", size),
    "words-long": lambda size: filled("x" * 5000 + " ", size),
    "word-of-marks": lambda size: filled("e\u0301", size // 2),
    "joiners": lambda size: filled("\U0001f468\u200d", size // 2),
    "chinese": lambda size: filled("漢字", size // 2),
    "punctuation": lambda size: filled("!?.", size),
    "base64": lambda size: "![a](data:image/png;base64," + filled("QUJD", size) + ")\n",
    "base64-open": lambda size: filled("data:a/b;base64,", size),
    "entities": lambda size: filled("&amp;&copy;", size),
    "entities-open": lambda size: filled("&", size),
    "entities-in-heading": lambda size: "# " + filled("&amp;", size) + "\n\ntext\n",
    "escapes": lambda size: filled("\\*", size),
    "backslashes": lambda size: filled("\\", size),
    "spaces": lambda size: "a" + " " * size + "b\n",
    "spaces-at-ends": lambda size: filled("word" + " " * 200 + "\n", size),
    "tabs": lambda size: filled("\t", size) + "a\n",
    "tabs-in-lines": lambda size: filled("a\tb\n\t\n", size),
    "admonitions": lambda size: filled("!!! note\n    text\n\n", size),
    "admonitions-nested": lambda size: "".join(f"{'    ' * n}!!! note\n" for n in range(int(math.sqrt(size / 2)))),
    "colon-fences": lambda size: filled(":::note\ntext\n:::\n", size),
    "colon-fences-open": lambda size: filled(":::{a}\n:b: c\n", size),
    "mathematics": lambda size: filled("$$\n- a\n$$\n", size),
    "mathematics-open": lambda size: "$$\n" + filled("- a\n", size),
    "labels": lambda size: numbered("(label{n})=\n", size),
    "roles": lambda size: filled("{doc}`a` ", size),
    "roles-open": lambda size: filled("{a}`", size),
    "wiki-links": lambda size: filled("[[page#a|b]] ", size),
    "wiki-links-open": lambda size: filled("[[a", size),
    "shortcodes": lambda size: filled('{{< ref "a" >}} ', size),
    "shortcode-and-spaces": lambda size: "{{<" + " " * size + "a\n",
    "shortcode-open-and-spaces": lambda size: "{{< a" + " " * size + "b\n",
    "shortcodes-open": lambda size: filled('{{< ref "', size),
    "myst-comments": lambda size: filled("% a comment\n", size),
    "statuses": lambda size: filled("HTTP status code 404 Not Found ", size),
    "terms": lambda size: numbered("## Term{n}x\n\nText of it.\n\n", size),
    "sentence-ends": lambda size: filled('."""', size),
    "settings": lambda size: filled("`log_level` setting called ", size),
    "options": lambda size: filled("`-a --bcd EFG` ", size),
    "calls": lambda size: filled("`name(" + "a" * 150 + ")` ", size),
}

_MDX: dict[str, Make] = {
    "imports": lambda size: numbered("import A{n} from './a'\n", size) + "\ntext\n",
    "import-open": lambda size: filled("import {\n", size),
    "export-open": lambda size: filled("export const a = {\n", size),
    "exports-with-slashes": lambda size: filled("export const a = '/*'\n", size),
    "comments": lambda size: "a\n\n" + filled("{/* a */} ", size),
    "comments-on-one-line": lambda size: "a\n\n" + filled("`{/*a*/}", size),
    "comments-open": lambda size: "a\n\n" + filled("{/* a\n", size),
    "components": lambda size: filled("<Card title='a'>\n\ntext\n\n</Card>\n\n", size),
    "components-open": lambda size: filled("<Card title='a'>\n", size),
}

_HTML: dict[str, Make] = {
    "paragraphs": lambda size: "<html><body>" + filled("<p>A word and <code>code</code>.</p>", size),
    "deep": lambda size: "<html><body>" + filled("<div>", size) + "word",
    "inline-deep": lambda size: "<html><body><p>" + filled("<b>", size) + "word",
    "headings": lambda size: "<html><body>" + filled("<h2>Name</h2><p>text</p>", size),
    "list-deep": lambda size: "<html><body>" + filled("<ul><li>a", size),
    "list-long": lambda size: "<html><body><ul>" + filled("<li>a</li>", size),
    "table-wide": lambda size: "<html><body><table><tr>" + filled("<td>a", size) + "</table>",
    "table-long": lambda size: "<html><body><table>" + filled("<tr><td>a<td>b", size) + "</table>",
    "table-spans": lambda size: "<html><body><table>" + filled("<tr><td rowspan=1000 colspan=1000>a", size),
    "tables-nested": lambda size: "<html><body>" + filled("<table><tr><td>a", size),
    "pre": lambda size: "<html><body><pre>" + filled("a = b\n", size) + "</pre>",
    "definition-list": lambda size: "<html><body><dl>" + filled("<dt>a<dd>b", size),
    "open-tags": lambda size: "<html><body>" + filled("<a b", size),
    "comments-open": lambda size: "<html><body>" + filled("<!-- a", size),
    "attributes": lambda size: "<html><body><p " + numbered("a{n}=b ", size) + ">text",
    "links": lambda size: "<html><body><p>" + filled('<a href="a.html">a word</a> ', size),
    "entities": lambda size: "<html><body><p>" + filled("&amp;", size),
    "text": lambda size: "<html><body>" + filled(_PROSE, size),
    "formatting-misnested": lambda size: "<html><body>" + filled("<a><p>", size),
    "scripts": lambda size: "<html><body>" + filled("<script>a<b</script>", size) + "text",
}

_RST: dict[str, Make] = {
    "paragraphs": lambda size: "Title\n=====\n\n" + filled(_PROSE + "\n\n", size),
    "sections": lambda size: "".join(f"Section {n}\n=============\n\ntext\n\n" for n in range(max(size // 35, 1))),
    "sections-equal": lambda size: filled("Same\n====\n\ntext\n\n", size),
    "list-long": lambda size: "Title\n=====\n\n" + filled("- item\n", size),
    "table-long": lambda size: "Title\n=====\n\n=== ===\na   b\n=== ===\n" + filled("c   d\n", size) + "=== ===\n",
    "grid-table": lambda size: "Title\n=====\n\n+---+---+\n" + filled("| a | b |\n+---+---+\n", size),
    "emphasis-open": lambda size: "Title\n=====\n\n" + filled("*a ", size),
    "literals-open": lambda size: "Title\n=====\n\n" + filled("``a ", size),
    "roles-open": lambda size: "Title\n=====\n\n" + filled(":a:`b ", size),
    "references": lambda size: "Title\n=====\n\n" + filled("name_ ", size),
    "targets": lambda size: "Title\n=====\n\n" + numbered(".. _t{n}: https://example.com/{n}\n", size),
    "footnotes": lambda size: "Title\n=====\n\n" + numbered("a [#n{n}]_\n\n.. [#n{n}] note\n\n", size),
    "directives": lambda size: "Title\n=====\n\n" + filled(".. note::\n\n   text\n\n", size),
    "code": lambda size: "Title\n=====\n\n.. code-block:: python\n\n" + filled("   a = b\n", size),
    "quotes-nested": lambda size: (
        "Title\n=====\n\n" + "".join(f"{' ' * n}a\n\n" for n in range(int(math.sqrt(2 * size))))
    ),
    "fields": lambda size: "Title\n=====\n\n" + numbered(":field{n}: value\n", size),
    "substitutions": lambda size: "Title\n=====\n\n" + filled("|a| ", size),
    "one-line": lambda size: "Title\n=====\n\n" + filled("word ", size),
}

_ASCIIDOC: dict[str, Make] = {
    "paragraphs": lambda size: "= Title\n\n" + filled(_PROSE + "\n\n", size),
    "sections": lambda size: "= Title\n\n" + numbered("== Section {n}\n\ntext\n\n", size),
    "list-long": lambda size: "= Title\n\n" + filled("* item\n", size),
    "list-deep": lambda size: "= Title\n\n" + "".join(f"{'*' * n} a\n" for n in range(1, int(math.sqrt(2 * size)))),
    "table-long": lambda size: "= Title\n\n|===\n" + filled("|a |b\n", size) + "|===\n",
    "table-wide": lambda size: "= Title\n\n|===\n" + filled("|a ", size) + "\n|===\n",
    "blocks-open": lambda size: "= Title\n\n" + filled("----\na\n\n", size),
    "blocks-longer": lambda size: "= Title\n\n" + "\n".join("=" * n for n in range(4, int(math.sqrt(2 * size)))),
    "emphasis-open": lambda size: "= Title\n\n" + filled("*a ", size),
    "links-open": lambda size: "= Title\n\n" + filled("link:a[", size),
    "attributes": lambda size: "= Title\n" + numbered(":a{n}: b\n", size) + "\ntext\n",
    "attributes-used": lambda size: "= Title\n:a: b\n\n" + filled("{a} ", size),
    "attributes-growing": lambda size: "= Title\n:a: b\n" + filled(":a: {a}{a}\n", size) + "\n{a}\n",
    "conditions": lambda size: "= Title\n\n" + filled("ifdef::a[]\n", size),
    "comments": lambda size: "= Title\n\n" + filled("// a\n", size) + "text\n",
    "anchors": lambda size: "= Title\n\n" + filled("[[a]]", size),
    "one-line": lambda size: "= Title\n\n" + filled("word ", size),
}


def _notebook(cells: list[dict[str, object]]) -> str:
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells})


def _cell(kind: str, source: str) -> dict[str, object]:
    more: dict[str, object] = {"outputs": [], "execution_count": None} if kind == "code" else {}
    return {"cell_type": kind, "metadata": {}, "source": source, **more}


_NOTEBOOK: dict[str, Make] = {
    "cells": lambda size: _notebook([_cell("markdown", "## Name\n\ntext")] * (size // 80)),
    "code-cells": lambda size: _notebook([_cell("code", "a = b\n")] * (size // 110)),
    "one-cell": lambda size: _notebook([_cell("markdown", filled(_PROSE + "\n\n", size))]),
    "lines": lambda size: _notebook([_cell("code", filled("a = b\n", size))]),
}


def _openapi(size: int) -> str:
    response = {"200": {"description": "good"}}
    paths = {f"/p/{n}": {"get": {"summary": f"Look {n}", "responses": response}} for n in range(max(size // 95, 1))}
    return json.dumps({"openapi": "3.0.0", "info": {"title": "T", "version": "1"}, "paths": paths})


def _schemas(size: int) -> str:
    count = max(size // 95, 1)
    schemas = {
        f"S{n}": {"type": "object", "properties": {"next": {"$ref": f"#/components/schemas/S{(n + 1) % count}"}}}
        for n in range(count)
    }
    described = {"openapi": "3.0.0", "info": {"title": "T", "version": "1"}, "paths": {}}
    return json.dumps({**described, "components": {"schemas": schemas}})


def _deep_schema(size: int) -> str:
    schema: dict[str, object] = {"type": "string"}
    for n in range(min(size // 45, 300)):
        schema = {"type": "object", "properties": {f"p{n}": schema}}
    fields = {f"f{n}": {"type": "string", "description": "A field."} for n in range(size // 60)}
    return json.dumps(
        {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "T",
            "type": "object",
            "properties": {"deep": schema, **fields},
        }
    )


def _branching_schemas(size: int) -> str:
    count = max(size // 170, 2)
    schemas = {
        f"S{n}": {
            "type": "object",
            "properties": {side: {"$ref": f"#/components/schemas/S{n + 1}"} for side in ("left", "right")},
        }
        for n in range(count)
    }
    schemas[f"S{count}"] = {"type": "object", "properties": {}}
    use = {
        "200": {"description": "x", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/S0"}}}}
    }
    paths = {"/a": {"get": {"summary": "a", "responses": use}}}
    described = {"openapi": "3.0.0", "info": {"title": "T", "version": "1"}, "paths": paths}
    return json.dumps({**described, "components": {"schemas": schemas}})


_DESCRIPTIONS: dict[str, Make] = {
    "paths": _openapi,
    "schemas-in-a-ring": _schemas,
    "schemas-branching": _branching_schemas,
    "schema-deep": _deep_schema,
}

_GROUPS: Mapping[str, tuple[str, dict[str, Make]]] = {
    "markdown": (".md", _MARKDOWN),
    "mdx": (".mdx", _MDX),
    "html": (".html", _HTML),
    "rst": (".rst", _RST),
    "asciidoc": (".adoc", _ASCIIDOC),
    "notebook": (".ipynb", _NOTEBOOK),
    "description": (".json", _DESCRIPTIONS),
}

#: All kinds, by the group that they belong to.
KINDS: Mapping[str, tuple[Kind, ...]] = {
    group: tuple(Kind(name, extension, make) for name, make in makes.items())
    for group, (extension, makes) in _GROUPS.items()
}


def parsed(kind: Kind, size: int) -> ParsedDocument:
    """Read the kind's document of a size."""
    return _parse(kind, kind.make(size).encode())


def _parse(kind: Kind, data: bytes) -> ParsedDocument:
    uri = f"upload:///costly/{kind.name}{kind.extension}"
    return parse(data, document_id="00000000-0000-5000-8000-000000000000", source_uri=uri, tag="docs", content_type="")


def cost(kind: Kind, size: int) -> Cost:
    """Take the kind's document of a size through parse, extract and what build_graph makes of both, on this thread's clock."""
    data = kind.make(size).encode()
    began = time.thread_time()
    document = _parse(kind, data)
    read = time.thread_time()
    extraction = extract(document)
    extracted = time.thread_time()
    document_properties(document)
    section_rows(document, extraction, {section.section_id for section in document.sections})
    return Cost(len(data), read - began, extracted - read, time.thread_time() - extracted)


def exponent(smaller: Cost, larger: Cost) -> float:
    """Return by which power of the size the time grows from the one to the other."""
    return math.log(larger.seconds / smaller.seconds) / math.log(larger.size / smaller.size)
