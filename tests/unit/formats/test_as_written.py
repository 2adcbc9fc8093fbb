"""Markdown as people write it: each document stands for a kind that real documentation sets are full of."""

from __future__ import annotations

import pytest

from docgraph.domain.documents import ParsedDocument
from support.unit.formats_samples import read, texts


def paths(parsed: ParsedDocument) -> list[tuple[str, ...]]:
    return [section.heading_path for section in parsed.sections]


def anchors(parsed: ParsedDocument) -> list[str]:
    return [place.anchor for place in parsed.places]


def test_the_title_of_the_front_matter_opens_the_heading_path_where_no_heading_states_it() -> None:
    parsed = read("---\ntitle: Owl relay\n---\n\nIt forwards calls.\n\n## Limits\n\nNine a second.\n")
    assert paths(parsed) == [("Owl relay",), ("Owl relay", "Limits")]
    assert parsed.sections[0].embedded_text == "Owl relay\nIt forwards calls."


def test_a_title_does_not_stand_above_a_heading_of_the_first_level() -> None:
    parsed = read("---\ntitle: Owl relay | Docs\n---\n\n# Owl relay\n\nText.\n")
    assert paths(parsed) == [("Owl relay",)]


@pytest.mark.parametrize(
    ("written", "title"),
    [("3.10", "3.10"), ("No", "No"), ("007", "007"), ("2024-01-01", "2024-01-01"), ("1e3", "1e3"), ("'q'", "q")],
)
def test_scalars_of_the_front_matter_stay_as_they_are_written(written: str, title: str) -> None:
    assert read(f"---\ntitle: {written}\n---\n\nText.\n").title == title


def test_a_json_object_at_the_beginning_is_front_matter() -> None:
    parsed = read('{\n  "title": "Relay",\n  "weight": 3\n}\n\nText.\n')
    assert (parsed.title, parsed.front_matter["weight"], texts(parsed)) == ("Relay", "3", ["Text."])
    assert read('{\n "a": 1\n} and text\n').front_matter == {}


def test_a_comment_that_is_never_closed_loses_nothing_and_is_said() -> None:
    parsed = read("# Guide\n\nIntro.\n\n<!-- to do\n\n## Second\n\nAbout owls.\n")
    assert paths(parsed)[-1] == ("Guide", "Second")
    assert "About owls." in texts(parsed)[-1]
    assert any(warning.startswith("Line 5: the comment is never closed") for warning in parsed.warnings)


@pytest.mark.parametrize(
    "source", ["Open one with <!-- and close it later. Nine owls.", "Closed so: <!-- x -- > Nine owls."]
)
def test_an_open_comment_in_a_paragraph_is_text(source: str) -> None:
    assert texts(read(f"{source}\n\nNext --> part.\n")) == [f"{source}\n\nNext --> part."]


def test_an_open_comment_in_a_table_takes_no_row() -> None:
    parsed = read("# Signs\n\n| sign | meaning |\n|---|---|\n| <!-- | opens |\n| owl | third row |\n")
    assert "opens" in texts(parsed)[0]
    assert "third row" in texts(parsed)[0]


def test_a_heading_without_text_and_without_children_can_be_found() -> None:
    parsed = read("# Errors\n\nAll.\n\n## E71 Owl lost\n\n## E72 Owl late\n\nLate.\n\n## E73 Owl asleep\n")
    assert paths(parsed) == [
        ("Errors",),
        ("Errors", "E71 Owl lost"),
        ("Errors", "E72 Owl late"),
        ("Errors", "E73 Owl asleep"),
    ]
    assert {"e71-owl-lost", "e73-owl-asleep"} <= set(anchors(parsed))


def test_a_line_break_in_a_heading_separates_words() -> None:
    assert paths(read("# Owl<br>relay<br/>setup\n\nText.\n")) == [("Owl relay setup",)]


def test_attribute_lists_are_no_words_in_any_order_and_give_the_anchor() -> None:
    parsed = read(
        '# R\n\n## Label { data-toc-label="Short" #label-id }\n\nA.\n\n## Version { data-x="V" }\n\nB.\n\n## C {: #c .x }\n\nC.\n'
    )
    assert paths(parsed) == [("R", "Label"), ("R", "Version"), ("R", "C")]
    assert anchors(parsed) == ["label-id", "version", "c"]


def test_anchors_keep_marks_and_count_spaces_as_published_pages_do() -> None:
    parsed = read("# हिन्दी सेटअप\n\na\n\n# การติดตั้ง\n\nb\n\n# two  spaces\n\nc\n\n# no\u00a0break\n\nd\n")
    assert anchors(parsed) == ["हिन्दी-सेटअप", "การติดตั้ง", "two--spaces", "nobreak"]


def test_mathematics_makes_no_headings() -> None:
    parsed = read("# Force\n\n$$\nF\n=\nma\n# 1\n$$\n\nAfter it.\n\n## Units\n\nx\n")
    assert paths(parsed) == [("Force",), ("Force", "Units")]
    assert "ma" in texts(parsed)[0]
    assert "After it." in texts(parsed)[0]


def test_headings_of_html_are_headings_and_tags_are_no_text() -> None:
    parsed = read('<h1 align="center">Owl</h1>\n\n<p align="center">A relay.</p>\n\n<h2 id="use">Use</h2>\n\nRun it.\n')
    assert parsed.title == "Owl"
    assert paths(parsed) == [("Owl",), ("Owl", "Use")]
    assert texts(parsed) == ["A relay.", "Run it."]
    assert anchors(parsed)[1] == "use"


def test_labels_of_tabs_are_text_and_their_tags_are_not() -> None:
    source = (
        '# Pick\n\n<Tabs>\n  <TabItem value="a" label="Apple">\n\n  Red.\n\n  </TabItem>\n'
        '  <TabItem value="b" label="Plum">\n    Blue.\n  </TabItem>\n</Tabs>\n'
    )
    (text,) = texts(read(source, name="pick.mdx"))
    assert [word in text for word in ("Apple", "Red.", "Plum", "Blue.")] == [True] * 4
    assert "<" not in text


def test_comments_and_exports_of_mdx_may_have_blank_lines() -> None:
    source = (
        "export const meta = {\n  title: 'x',\n\n  order: 1,\n};\n\n# Page\n\nBefore.\n\n{/*\n\n## Draft part\n\nhidden\n\n*/}\n\n"
        "## After\n\nUse `{/* this */}` here.\n"
    )
    parsed = read(source, name="page.mdx")
    assert paths(parsed) == [("Page",), ("Page", "After")]
    assert texts(parsed) == ["Before.", "Use `{/* this */}` here."]


def test_prose_that_begins_with_export_is_prose() -> None:
    source = "# Save\n\nexport default settings as JSON with the button at the top.\n"
    assert texts(read(source, name="save.mdx")) == ["export default settings as JSON with the button at the top."]


def test_ids_in_comments_are_anchors_and_no_words() -> None:
    parsed = read("# Guide\n\n## Set up {/* #set-up-id */}\n\na\n\n## Run it {/* run-it-id */}\n\nb\n", name="g.mdx")
    assert paths(parsed) == [("Guide", "Set up"), ("Guide", "Run it")]
    assert anchors(parsed) == ["set-up-id", "run-it-id"]


def test_a_markdown_heading_glued_to_a_component_is_a_heading() -> None:
    parsed = read("# Guide\n\n<Tabs>\n## Glued\n\nWords.\n\n</Tabs>\n", name="g.mdx")
    assert paths(parsed) == [("Guide", "Glued")]


def test_what_stands_in_tabs_and_admonitions_of_mkdocs_is_read() -> None:
    source = (
        '# Install\n\n=== "Linux"\n\n    ```bash\n    owlctl install --accept\n    ```\n\n=== "Mac"\n\n    See [limits](limits.md).\n\n'
        '!!! warning "Mind the owl"\n\n    It bites.\n\n??? note\n\n    ```sh\n    owlctl stop\n    ```\n'
    )
    parsed = read(source)
    assert [(block.language, block.text) for block in parsed.code_blocks] == [
        ("bash", "owlctl install --accept"),
        ("sh", "owlctl stop"),
    ]
    assert [link.target_uri for link in parsed.links] == ["upload:///guide/limits.md"]
    text = "\n".join(texts(parsed))
    assert [word in text for word in ("Linux", "Mac", "Mind the owl", "It bites.", "Note")] == [True] * 5
    assert not {"===", "!!!", "???"} & set(text.split())


def test_targets_roles_and_comments_of_myst_are_no_text() -> None:
    source = (
        "(the-label)=\n# Page {guilabel}`Start`\n\n% a comment\n\nPress {kbd}`x` in `${HOME}`.\n\n+++\n\n"
        ":::{note}\n:class: tip\nColon note.\n:::\n"
    )
    parsed = read(source)
    assert paths(parsed) == [("Page Start",)]
    assert anchors(parsed) == ["the-label"]
    text = texts(parsed)[0]
    assert "Press `x` in `${HOME}`." in text
    assert "Colon note." in text
    assert not [mark for mark in ("%", "+++", ":::", ":class:", "{kbd}", "(the-label)=") if mark in text]


def test_containers_of_vitepress_keep_their_title() -> None:
    (text,) = texts(read("# P\n\n::: tip Mind the owl\nIt bites.\n:::\n"))
    assert "Mind the owl" in text
    assert "It bites." in text
    assert ":::" not in text


def test_shortcodes_of_hugo_are_no_text() -> None:
    assert texts(read("# P\n\n{{< note >}}\n\nIt bites.\n\n{{< /note >}}\n")) == ["It bites."]


def test_anchors_of_mkdocs_are_those_of_python_markdown() -> None:
    parsed = read(
        "# Día 1 - x\n\na\n\n!!! note\n\n    b\n\n## Same\n\nc\n\n## Same\n\nd\n\n## 中文\n\ne\n\n## 日本\n\nf\n"
    )
    assert anchors(parsed) == ["dia-1-x", "same", "same_1", "_1", "_2"]


def test_an_attribute_without_a_value_is_no_text_of_a_heading() -> None:
    parsed = read("# Ref\n\nx\n\n## Left { data-search-exclude }\n\ny\n\n## Set {x}\n\nz\n")
    assert (paths(parsed)[1:], anchors(parsed)[1:]) == ([("Ref", "Left"), ("Ref", "Set {x}")], ["left", "set-x"])


def test_options_of_a_directive_with_code_are_neither_code_nor_text() -> None:
    parsed = read("```{code-block} python\n:linenos:\n:caption: a\nlow()\n:kept:\n```\n\n```sh\n:kept: too\n```\n")
    assert [block.text for block in parsed.code_blocks] == ["low()\n:kept:", ":kept: too"]
    assert texts(parsed) == ["```{code-block} python\nlow()\n:kept:\n```\n\n```sh\n:kept: too\n```"]


def test_a_comment_of_mdx_makes_a_document_mdx_unless_it_stands_in_code() -> None:
    fence = "```js\n{/* kept */}\n```"
    assert texts(read(f"# P\n\n{fence}\n\n{{/* dropped\n\n## Hidden\n*/}}\n\nText.\n", name="page.md")) == [
        f"{fence}\n\nText."
    ]
    assert texts(read(f"# P\n\n{fence}\n\n    indented code\n\n{fence}\n", name="page.md")) == [
        f"{fence}\n\n    indented code\n\n{fence}"
    ]
