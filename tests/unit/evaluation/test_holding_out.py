"""Headings that ask are taken out of a page, and nothing else of it is changed."""

from __future__ import annotations

import pytest

from evaluation.sentences.holding_out import hold_out

MARKDOWN = """# FAQ

## Why is `x` slow in [Tool](a.md)? {#slow}

It waits.

```sh
# Why is this comment no heading?
```

## Install

## Where does it write its log?

To disk.
"""


def test_markdown_headings_that_ask_become_entries_and_the_rest_stays() -> None:
    held = hold_out(MARKDOWN, ".md")
    assert held.questions == {"Entry 1": "Why is x slow in Tool?", "Entry 2": "Where does it write its log?"}
    assert "Why is `x`" not in held.text
    assert "Where does it write" not in held.text
    assert [line for line in held.text.split("\n") if not line.startswith("## Entry")] == [
        line for line in MARKDOWN.split("\n") if not line.startswith(("## Why", "## Where"))
    ]


def test_what_goes_on_from_the_heading_around_is_one_question() -> None:
    text = "FAQ\n===\n\nHow do I…\n---------\n\n…enter an *ID* of :ref:`log <l>`?\n~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~\n\nSo.\n"
    held = hold_out(text, ".rst")
    assert held.questions == {"Entry 1": "How do I enter an ID of log?"}
    assert "Entry 1\n~~~~" in held.text
    assert "enter an" not in held.text


@pytest.mark.parametrize("rule", ["+----+----+", "---"])
def test_a_table_or_a_transition_of_restructured_text_is_no_heading(rule: str) -> None:
    text = f"Some words of a paragraph\nand more of its words\n\n{rule}\n\nNext paragraph goes on here.\n"
    assert hold_out(text, ".rst").text == text


def test_asciidoc_headings_are_those_of_equals_signs() -> None:
    held = hold_out("= FAQ\n\n== Does it run on Windows?\n\n----\n== Is this a heading?\n----\n", ".adoc")
    assert held.questions == {"Entry 1": "Does it run on Windows?"}


def test_below_leaves_the_other_headings_of_a_page_alone() -> None:
    text = "# Options\n\n## All of the options\n\n# FAQ\n\n## How is it updated then?\n\n# The end of it\n"
    held = hold_out(text, ".md", below="FAQ")
    assert held.questions == {"Entry 1": "How is it updated then?"}
    assert "All of the options" in held.text


def test_a_title_goes_with_the_summary_that_says_it_again() -> None:
    text = '---\ntitle: "Stream does not start"\ndescription: When the stream does not start.\n---\n\n# Stream does not start\n\n## Issue\n'
    held = hold_out(text, ".mdx", titles=True)
    assert held.questions == {"Entry 1": "Stream does not start"}
    assert "does not start" not in held.text
    assert "## Issue" in held.text
