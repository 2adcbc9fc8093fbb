"""How often, after which pauses and for how long something is tried again: one type for every retry that docgraph makes itself.

The drivers of Redis, Neo4j and S3 retry on their own; they are set up where they are connected. A loop that waits for a state,
or that computes anew because another attempt committed first, is not a retry.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import tenacity

T = TypeVar("T")


def _never(_: object) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """When to try again: at most `attempts` times in all, and with no pause that would end later than `patience` seconds.

    The first pause takes `first_pause` seconds, each further one `growth` times as long, none longer than `longest_pause`.
    """

    first_pause: float
    attempts: int | None = None
    patience: float | None = None
    growth: float = 2.0
    longest_pause: float = 30.0

    def __post_init__(self) -> None:
        """Refuse a policy without an end.

        Raises:
            ValueError: neither `attempts` nor `patience` is given.
        """
        if self.attempts is None and self.patience is None:
            raise ValueError("a retry policy needs a number of attempts, a patience in seconds, or both")

    def call(
        self,
        function: Callable[[], T],
        *,
        error: Callable[[BaseException], bool] = _never,
        result: Callable[[T], bool] = _never,
        pause: Callable[[T], float | None] | None = None,
    ) -> T:
        """Call `function` until it succeeds, or until the policy ends; then return its last result or raise its last error.

        `error` and `result` say of which errors and results it is called again. `pause` returns the seconds to wait that a
        result itself asks for (None: as the policy says); they are cut at `longest_pause`.
        """
        # Only what asks something over a network gets here; the command line's other commands start without it.
        import tenacity

        stops: list[tenacity.stop.stop_base] = []
        if self.attempts is not None:
            stops.append(tenacity.stop_after_attempt(self.attempts))
        if self.patience is not None:
            stops.append(tenacity.stop_before_delay(self.patience))
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(error) | tenacity.retry_if_result(result),
            wait=lambda state: self._pause(state, pause),
            stop=tenacity.stop_any(*stops),
            retry_error_callback=_last,
        )
        return retrying(function)

    def _pause(self, state: tenacity.RetryCallState, asked: Callable[[T], float | None] | None) -> float:
        seconds = None
        if asked is not None and state.outcome is not None and not state.outcome.failed:
            seconds = asked(state.outcome.result())
        if seconds is None:
            # The exponent is bounded, because a float is: no pause grows beyond the longest anyway.
            seconds = self.first_pause * self.growth ** min(state.attempt_number - 1, 60)
        return min(seconds, self.longest_pause)


def _last(state: tenacity.RetryCallState) -> Any:
    """Return the last result, or raise the last error, as if it had been the only one."""
    assert state.outcome is not None
    return state.outcome.result()
