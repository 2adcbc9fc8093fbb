"""The cursor of a stream over several jobs."""

from __future__ import annotations

import pytest

from docgraph.domain.jobs import Event
from docgraph.runtime.web import ApiError
from ingestion_service.http.routes.events import PAGE, _horizon, cursor_of


def test_without_a_cursor_everything_is_to_come() -> None:
    assert cursor_of(None, ["a", "b"]) == {"a": "0-0", "b": "0-0"}


def test_of_events_of_the_same_moment_only_those_up_to_the_named_job_were_seen() -> None:
    cursor = cursor_of("1700-0/b", ["a", "b", "c"])
    assert cursor == {"a": "1700-0", "b": "1700-0", "c": "1699-18446744073709551615"}
    assert cursor_of("1700-5/b", ["c"]) == {"c": "1700-4"}


def test_a_bare_entry_id_is_a_cursor_for_all_jobs() -> None:
    assert cursor_of("1700-0", ["a", "b"]) == {"a": "1700-0", "b": "1700-0"}


@pytest.mark.parametrize(
    "text", ["x", "12", "a-b/c", "/a", "1_0-0", "+1-0", "1-0-0", "٣-0", " 1-0", f"{2**64}-0", "9" * 5000 + "-0"]
)
def test_something_else_is_refused(text: str) -> None:
    with pytest.raises(ApiError) as caught:
        cursor_of(text, ["a"])
    assert (caught.value.status, caught.value.code) == (422, "bad_cursor")


def test_no_event_is_passed_on_before_an_earlier_one_that_is_still_to_be_read() -> None:
    event = Event(1, "", "", "")
    full = [("a", f"{number}-0", event) for number in range(1, PAGE + 1)]
    assert _horizon([*full, ("b", "999999-0", event)]) == (PAGE, 0, "a")
    assert _horizon([("b", "999999-0", event)]) is None
