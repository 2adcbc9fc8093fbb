"""What a retry policy tries again, how often, and after which pauses; measured in real, short time."""

from __future__ import annotations

import time

import pytest

from docgraph.domain.retries import RetryPolicy

QUICK = RetryPolicy(first_pause=0.001, attempts=4)


class Flaky:
    """Fails with the given errors, or gives the given results, in their order; notes when it was called."""

    def __init__(self, *outcomes: object) -> None:
        self._outcomes = list(outcomes)
        self.times: list[float] = []

    def __call__(self) -> object:
        self.times.append(time.monotonic())
        outcome = self._outcomes.pop(0)
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    @property
    def pauses(self) -> list[float]:
        return [later - earlier for earlier, later in zip(self.times, self.times[1:], strict=False)]


def is_lookup_error(error: BaseException) -> bool:
    return isinstance(error, LookupError)


def asked_for(result: object) -> float | None:
    return result if isinstance(result, float) else None


def test_what_succeeds_is_called_once() -> None:
    flaky = Flaky("well", "never asked for")
    assert QUICK.call(flaky, error=is_lookup_error) == "well"
    assert len(flaky.times) == 1


def test_an_error_that_may_pass_is_tried_again() -> None:
    flaky = Flaky(KeyError("a"), IndexError("b"), "well")
    assert QUICK.call(flaky, error=is_lookup_error) == "well"


def test_another_error_is_raised_at_once() -> None:
    flaky = Flaky(ValueError("wrong"), "never asked for")
    with pytest.raises(ValueError, match="wrong"):
        QUICK.call(flaky, error=is_lookup_error)
    assert len(flaky.times) == 1


def test_after_the_last_attempt_its_own_error_is_raised() -> None:
    flaky = Flaky(*(KeyError(str(number)) for number in range(1, 9)))
    with pytest.raises(KeyError, match="4"):
        QUICK.call(flaky, error=is_lookup_error)
    assert len(flaky.times) == 4


def test_after_the_last_attempt_its_own_result_is_returned() -> None:
    flaky = Flaky(500, 503, 500, 502, 200)
    assert QUICK.call(flaky, result=lambda status: status != 200) == 502


def test_pauses_grow_up_to_the_longest() -> None:
    flaky = Flaky(1, 2, 3, 4, 5)
    policy = RetryPolicy(first_pause=0.02, attempts=5, growth=3.0, longest_pause=0.1)
    policy.call(flaky, result=lambda _: True)
    for slept, wanted in zip(flaky.pauses, (0.02, 0.06, 0.1, 0.1), strict=True):
        assert wanted <= slept < wanted + 1.0


def test_a_result_may_ask_for_a_pause_of_its_own_but_not_for_a_longer_one_than_the_longest() -> None:
    flaky = Flaky(0.05, 60.0, None, 0.0)
    policy = RetryPolicy(first_pause=0.001, attempts=4, longest_pause=0.1)
    policy.call(flaky, result=lambda _: True, pause=asked_for)
    first, second, _ = flaky.pauses
    assert 0.05 <= first < 1.0
    assert 0.1 <= second < 1.0


def test_no_pause_begins_that_would_outlast_patience() -> None:
    flaky = Flaky(*range(1, 100))
    RetryPolicy(first_pause=0.05, growth=1.0, patience=0.2).call(flaky, result=lambda _: True)
    assert 2 <= len(flaky.times) <= 4


def test_without_any_patience_there_is_one_attempt() -> None:
    flaky = Flaky(1, 2)
    assert RetryPolicy(first_pause=0.1, patience=0.0).call(flaky, result=lambda _: True) == 1


def test_a_policy_without_an_end_is_refused() -> None:
    with pytest.raises(ValueError, match="attempts"):
        RetryPolicy(first_pause=0.1)


def test_thousands_of_attempts_do_not_break_the_arithmetic() -> None:
    left = iter(range(3000, -1, -1))
    policy = RetryPolicy(first_pause=1e-9, attempts=5000, longest_pause=0.0)
    assert policy.call(lambda: next(left), result=bool) == 0
