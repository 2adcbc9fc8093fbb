"""Values as text for a terminal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from ingestctl.text import duration, estimate, plural, printable, shorten, size


@given(st.text(), st.integers(min_value=1, max_value=120))
def test_a_shortened_text_fits_and_a_text_that_fits_is_left_alone(text: str, width: int) -> None:
    text = printable(text)
    short = shorten(text, width)
    assert cell_len(short) <= width
    assert short == text or cell_len(text) > width


def test_a_long_path_keeps_its_beginning_and_the_name_at_its_end() -> None:
    assert shorten("reference/very/deep/folder/settings.md", 24) == "referenc…der/settings.md"


@given(st.text())
def test_printable_text_can_neither_move_the_cursor_nor_fail_to_encode(text: str) -> None:
    safe = printable(text)
    assert safe == "" or safe.isprintable()
    safe.encode()


def test_control_characters_and_stray_bytes_are_shown_as_escapes() -> None:
    assert printable("a\x1b[31mb\n\udcff") == "a\\x1b[31mb\\n\\xff"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, ""), (0.042, "42ms"), (0.44, "0.4s"), (12.2, "12s"), (59.7, "1m00s"), (185, "3m05s"), (7800, "2h10m")],
)
def test_durations_read_as_a_person_says_them(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


def test_an_estimate_claims_no_tenths() -> None:
    assert [estimate(0.2), estimate(3.8), estimate(75)] == ["1s", "4s", "1m15s"]


def test_sizes_and_counts() -> None:
    assert [size(870), size(3_250_000), size(5 << 30)] == ["870 B", "3.1 MiB", "5.0 GiB"]
    assert [plural(1, "document"), plural(1200, "document")] == ["1 document", "1,200 documents"]
