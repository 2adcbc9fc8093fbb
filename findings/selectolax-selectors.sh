#!/usr/bin/env bash
# selectolax (Lexbor): what `css()` returns for a list of selectors, and where it looks.
#
# One would guess that `css("a, b")` is querySelectorAll of browsers: each matching element once, in document order, and only
# elements below the one that is asked. What happens: an element that matches two selectors of the list comes twice, and
# `node.css()` and `node.css_first()` find the node itself.
#
# Exits non-zero if that has changed.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check selectolax==1.0.2

"$folder/venv/bin/python" - <<'PYTHON'
from importlib.metadata import version

from selectolax.lexbor import LexborHTMLParser

tree = LexborHTMLParser('<ul><li role="tab" class="a">one</li><li>two</li></ul><div><p>x</p></div>')
twice = [node.text() for node in tree.css("[role=tab], li")]
div = tree.css_first("div")
itself = [node.tag for node in div.css("div")]
print(f"selectolax {version('selectolax')}")
print(f"css('[role=tab], li') of two items: {twice} (a browser: ['one', 'two'])")
print(f"div.css('div') of a div without a div in it: {itself} (a browser: [])")
assert sorted(twice) == ["one", "one", "two"], "an element that matches twice is returned once now"
assert itself == ["div"], "a node does not find itself any more"
PYTHON
