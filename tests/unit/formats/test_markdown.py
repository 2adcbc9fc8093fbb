"""Markdown becomes sections under headings, with places, links, code and front matter."""

from __future__ import annotations

import pytest

from docgraph.domain.identity import canonical_text
from support.unit.formats_samples import ids, read, texts


def test_a_section_is_the_text_under_one_heading_up_to_the_next() -> None:
    parsed = read("Before.\n\n# One\n\nFirst.\n\n## Two\n\nSecond.\n\n# Three\n\nThird.\n")
    assert [(s.heading_path, s.text) for s in parsed.sections] == [
        ((), "Before."),
        (("One",), "First."),
        (("One", "Two"), "Second."),
        (("Three",), "Third."),
    ]
    assert [place.level for place in parsed.places] == [0, 1, 2, 1]


def test_a_heading_that_others_below_carry_in_their_path_makes_no_section() -> None:
    assert [s.heading_path for s in read("# One\n\n## Two\n\ntext\n").sections] == [("One", "Two")]


def test_a_heading_with_neither_text_nor_headings_below_is_a_section_of_itself() -> None:
    parsed = read("# Codes\n\n## E7001 Heron lost\n\n## E7002 Heron late\n\nText.\n\n# Agenda\n")
    assert [(s.heading_path, s.text) for s in parsed.sections] == [
        (("Codes", "E7001 Heron lost"), "## E7001 Heron lost"),
        (("Codes", "E7002 Heron late"), "Text."),
        (("Agenda",), "# Agenda"),
    ]
    assert [place.anchor for place in parsed.places] == ["e7001-heron-lost", "e7002-heron-late", "agenda"]
    assert [s.heading_path for s in read("# One\n\n## Two\n").sections] == [("One", "Two")]


def test_a_heading_that_nothing_stands_below_is_a_section_of_its_own() -> None:
    parsed = read("# One\n\n## Two\n")
    assert [(s.heading_path, s.text) for s in parsed.sections] == [(("One", "Two"), "## Two")]


def test_underlined_headings_are_headings() -> None:
    parsed = read("One\n===\n\nfirst\n\nTwo\n---\n\nsecond\n")
    assert [s.heading_path for s in parsed.sections] == [("One",), ("One", "Two")]


def test_a_skipped_level_leaves_no_gap_in_the_path() -> None:
    assert [s.heading_path for s in read("# A\n\n#### B\n\nx\n\n## C\n\ny\n").sections] == [("A", "B"), ("A", "C")]


@pytest.mark.parametrize(
    "inner", ["> ## Quoted\n> text", "- ## In a list\n\n  text", "```\n# Code\n```", "    # Indented"]
)
def test_headings_inside_of_other_blocks_are_no_borders(inner: str) -> None:
    parsed = read(f"# Top\n\nbefore\n\n{inner}\n\nafter\n")
    assert [s.heading_path for s in parsed.sections] == [("Top",)]
    assert "after" in parsed.sections[0].text


def test_a_heading_is_plain_text() -> None:
    parsed = read("# The **bold** `code` [link](x.md) ![alt](i.png) &amp; \\# <b>tag</b>\n\ntext\n")
    assert parsed.sections[0].heading_path == ("The bold code link alt & # tag",)


def test_anchors_are_made_as_github_makes_them_and_repeated_ones_are_numbered() -> None:
    parsed = read("# What's New? (2.0)\n\na\n\n# Setup\n\nb\n\n# Setup\n\nc\n\n# Setup-1\n\nd\n\n# Über_uns\n\ne\n")
    assert [p.anchor for p in parsed.places] == ["whats-new-20", "setup", "setup-1", "setup-1-1", "über_uns"]


def test_an_anchor_that_the_author_gave_is_kept_and_is_no_part_of_the_heading() -> None:
    parsed = read("# Setup {#install}\n\na\n\n## More { #more-1 .wide }\n\nb\n\n## Set {x}\n\nc\n")
    assert [p.anchor for p in parsed.places] == ["install", "more-1", "set-x"]
    assert parsed.sections[1].heading_path == ("Setup", "More")


def test_places_are_bytes_of_the_canonical_text() -> None:
    source = "\ufeff# Über\r\n\r\nE\u0301té 😀 text.\r\n\r\n## Zwei\r\n\r\nMehr.\r\n"
    data = canonical_text(source).encode()
    parsed = read(source)
    assert [data[p.start : p.end].decode() for p in parsed.places] == ["# Über\n\nÉté 😀 text.", "## Zwei\n\nMehr."]


def test_line_ends_byte_order_marks_and_composition_do_not_change_ids() -> None:
    assert ids(read("# É\n\nété\nzwei\n")) == ids(read("\ufeff# E\u0301\r\n\r\ne\u0301te\u0301\r\nzwei\r\n"))


def test_equal_sections_have_ids_of_their_own() -> None:
    parsed = read("# A\n\nsame\n\n# A\n\nsame\n")
    assert [s.occurrence for s in parsed.sections] == [0, 1]
    assert len(set(ids(parsed))) == 2


def test_a_line_at_the_top_changes_no_other_section() -> None:
    body = "".join(f"## Part {n}\n\nText {n}.\n\n" for n in range(50))
    before, after = ids(read(f"# Title\n\nIntro.\n\n{body}")), ids(read(f"A new line.\n\n# Title\n\nIntro.\n\n{body}"))
    assert len(set(after) - set(before)) == 1
    assert set(before) < set(after)


def test_the_title_comes_from_front_matter_then_the_first_heading_then_the_file() -> None:
    assert read("---\ntitle: Front\n---\n# Head\n\nx\n").title == "Front"
    assert read("## Second level\n\nx\n\n# Head\n\nx\n").title == "Head"
    assert read("text\n", name="a%20folder/my%20page.v2.md").title == "my page.v2"


def test_the_title_of_the_front_matter_opens_the_heading_path_where_no_heading_states_it() -> None:
    parsed = read("---\ntitle: Quokka  gateway\n---\n\nIt forwards.\n\n## Options\n\nSet it.\n")
    assert [s.heading_path for s in parsed.sections] == [("Quokka gateway",), ("Quokka gateway", "Options")]
    assert [s.heading_path for s in read("---\ntitle: Front\n---\n# Head\n\nx\n").sections] == [("Head",)]


@pytest.mark.parametrize("title", ["3.10", "No", "007", "2024-01-01", "~", "1e3", "0x1F"])
@pytest.mark.parametrize("front", ["---\ntitle: {}\n---\n", '{{"title": "{}"}}\n', '+++\ntitle = "{}"\n+++\n'])
def test_a_title_stays_as_it_is_written(title: str, front: str) -> None:
    parsed = read(front.format(title) + "\nText.\n")
    assert (parsed.title, parsed.sections[0].heading_path, texts(parsed)) == (title, (title,), ["Text."])


def test_numbers_and_dates_of_toml_and_json_stay_as_they_are_written() -> None:
    assert read("+++\na = 3.10\nb = 2024-05-01\n+++\n\nx\n").front_matter == {"a": "3.10", "b": "2024-05-01"}
    assert read('{\n "a": 3.10,\n "draft": false\n}\n\nx\n').front_matter == {"a": "3.10", "draft": "false"}


@pytest.mark.parametrize("start", ["{{< hint >}}", "{/* x */}", '{"a": 1} is an object', "{}", "{" * 5000])
def test_braces_that_are_no_object_of_their_own_are_text(start: str) -> None:
    parsed = read(f"{start}\n\nText.\n")
    assert parsed.front_matter == {}
    assert "Text." in texts(parsed)[-1]


def test_anchors_keep_combining_marks_and_lose_spaces_that_do_not_break() -> None:
    parsed = read("# हिन्दी सेटअप\n\nx\n\n# การติดตั้ง\n\ny\n\n# A\u203fb c! №5\n\nz\n")
    assert [place.anchor for place in parsed.places] == ["हिन्दी-सेटअप", "การติดตั้ง", "a‿b-c-5"]


def test_front_matter_is_flat_text_and_is_not_embedded() -> None:
    parsed = read("---\ntitle: T\ntags: [a, b]\ndate: 2024-05-01\ndraft: true\nempty:\nn: {x: é}\n---\n\n# H\n\ntext\n")
    assert parsed.front_matter == {
        "title": "T",
        "tags": '["a", "b"]',
        "date": "2024-05-01",
        "draft": "true",
        "empty": "",
        "n": '{"x": "é"}',
    }
    assert texts(parsed) == ["text"]


def test_toml_front_matter_is_read() -> None:
    parsed = read('+++\ntitle = "T"\nweight = 3\n+++\n\ntext\n')
    assert (parsed.title, parsed.front_matter["weight"], texts(parsed)) == ("T", "3", ["text"])


@pytest.mark.parametrize("front", ["title: [unclosed", "a: &x [1]\nb: *x", "title: 'x", "a: " + "[" * 5000])
def test_front_matter_that_can_not_be_read_is_a_warning(front: str) -> None:
    parsed = read(f"---\n{front}\n---\n\n# Head\n\ntext\n")
    assert texts(parsed) == ["text"]
    assert parsed.title == "Head"
    assert len(parsed.warnings) == 1
    assert "Front matter" in parsed.warnings[0]


def test_a_rule_at_the_top_is_no_front_matter() -> None:
    assert "Slide one." in texts(read("---\n\nSlide one.\n\n---\n\nSlide two.\n"))[0]


def test_lone_surrogates_of_a_yaml_escape_can_be_stored() -> None:
    assert read('---\ntitle: "a\\ud800b"\n---\ntext\n').title.encode("utf-8")


def test_comments_definitions_labels_and_rules_are_left_out() -> None:
    parsed = read(
        "Keep. <!-- drop -->\n\n<!-- drop\n\nthis -->\n\n[x]: http://example.com 'drop'\n\n(label)=\n\n---\n\nKeep `<!-- this -->`.\n"
    )
    assert texts(parsed) == ["Keep. \n\nKeep `<!-- this -->`."]


def test_comments_in_code_are_kept() -> None:
    assert "<!-- kept -->" in texts(read("```html\n<!-- kept -->\n```\n"))[0]


def test_embedded_images_are_shortened() -> None:
    assert texts(read(f"See ![a](data:image/png;base64,{'A' * 5000}) here.")) == [
        "See ![a](data:image/png;base64,…) here."
    ]


def test_lines_that_are_only_tags_are_left_out_and_their_text_is_kept() -> None:
    parsed = read('<div align="center">\n\nInside.\n\n</div>\n\n<img src="a.png" alt="A useful picture">\n')
    assert texts(parsed) == ["Inside.\n\nA useful picture"]


def test_mdx_statements_are_left_out_and_the_text_in_components_is_kept() -> None:
    source = (
        "import Tabs from '@theme/Tabs';\nexport const meta = {\n  a: 1\n};\n\n# Title\n\n{/* note */}\n\n<Tabs>\n"
        "<TabItem value='x'>\n\nInside **text**.\n\n</TabItem>\n</Tabs>\n\nValue {1 + 1} and <Badge kind=\"new\" /> here.\n"
    )
    parsed = read(source, name="page.mdx")
    assert texts(parsed) == ['Inside **text**.\n\nValue {1 + 1} and <Badge kind="new" /> here.']
    # A page that begins with a module's imports is MDX, whatever it is called.
    assert texts(read(source, name="page.md")) == texts(parsed)


def test_links_are_resolved_and_belong_to_their_section() -> None:
    parsed = read(
        "# A\n\nSee [one](../other.md#part), [two][ref], <https://example.com/x>.\n\n# B\n\n"
        '[here](#a) <a href="sub/p.md">p</a> [mail](mailto:x@y.z) `[code](no.md)` ![image](i.png)\n\n[ref]: /abs.md\n'
    )
    assert [(link.section, link.target_uri, link.anchor, link.text) for link in parsed.links] == [
        (0, "upload:///other.md", "part", "one"),
        (0, "upload:///abs.md", "", "two"),
        (0, "https://example.com/x", "", "https://example.com/x"),
        (1, "upload:///guide/page.md", "a", "here"),
        (1, "upload:///guide/sub/p.md", "", ""),
    ]


def test_a_link_that_can_not_be_an_address_is_a_warning() -> None:
    parsed = read("See [x](http://[bad) and [y](ok.md).")
    assert [link.target_uri for link in parsed.links] == ["upload:///guide/ok.md"]


def test_links_of_a_split_section_belong_to_the_part_they_stand_in() -> None:
    filler = "\n\n".join(
        f"Paragraph {n} has a handful of words so that the section grows above its budget." for n in range(40)
    )
    parsed = read(f"[first](a.md)\n\n{filler}\n\n[last](b.md)\n")
    assert len(parsed.sections) > 2
    for link in parsed.links:
        assert f"[{link.text}]" in parsed.sections[link.section].text


def test_code_blocks_have_a_language_and_belong_to_their_section() -> None:
    parsed = read(
        "# A\n\n```Python title='x'\na = 1\n```\n\n- item\n\n  ```\n  plain\n  ```\n\n# B\n\n~~~{.js}\nb\n~~~\n\n```{note}\nprose\n```\n"
    )
    assert [(c.section, c.language, c.text) for c in parsed.code_blocks] == [
        (0, "python", "a = 1"),
        (0, "", "plain"),
        (1, "js", "b"),
    ]


def test_a_split_code_block_is_a_block_of_its_lines_in_each_section() -> None:
    lines = [f"value_{n} = compute_something({n})" for n in range(100)]
    parsed = read("```python\n" + "\n".join(lines) + "\n```\n")
    assert len(parsed.sections) > 3
    assert [line for block in parsed.code_blocks for line in block.text.split("\n")] == lines
    for block in parsed.code_blocks:
        assert block.text in parsed.sections[block.section].text


def test_a_fence_that_is_never_closed_is_a_warning_with_its_line() -> None:
    assert read("text\n\n```py\nx = 1\n").warnings == ("Line 3: the code fence is never closed",)


def test_tables_lists_quotes_and_tasks_keep_their_source() -> None:
    source = "| a | b |\n|---|---|\n| 1 | 2 |\n\n- [ ] open\n- [x] done\n\n> quoted\n\n~~gone~~"
    assert texts(read(source + "\n")) == [source]


def test_plain_text_is_one_section_of_paragraphs() -> None:
    parsed = read("# no heading\n\n\n  two lines\nhere\n", name="notes.txt", content_type="text/plain")
    assert texts(parsed) == ["# no heading\n\ntwo lines\nhere"]
    assert parsed.title == "notes"
