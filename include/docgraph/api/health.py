"""Is the process alive, and can it work?"""

from __future__ import annotations

from docgraph.api.base import AnswerModel, Fine
from docgraph.domain.verdict import LastVerdict


class Health(AnswerModel):
    """The process works; `version` is docgraph's."""

    status: str
    version: str


class Check(AnswerModel):
    """What one store said to a probe: whether it answered, in how many seconds, and why not."""

    ok: bool
    seconds: Fine
    error: str | None


class ServedEmbedding(AnswerModel):
    """Whether an embedding server makes the version that the dataset's readers use."""

    version: str | None
    served: bool
    error: str | None


class IntakeCheck(AnswerModel):
    """One part of the intake: whether it lives, the age in seconds of its last sign, the limit, why not, and what to do."""

    ok: bool
    age: Fine | None
    limit: Fine | None
    reason: str
    advice: str


class Intake(AnswerModel):
    """Whether what is new becomes searchable: all of its parts live. Reading needs none of them."""

    live: bool
    checks: dict[str, IntakeCheck]

    @property
    def problems(self) -> dict[str, IntakeCheck]:
        """The parts that don't live."""
        return {name: check for name, check in self.checks.items() if not check.ok}


class Readiness(AnswerModel):
    """Whether every store answers; and, beside it, whether the intake lives."""

    ready: bool
    checks: dict[str, Check]
    intake: Intake | None = None


class DatasetReadiness(Readiness):
    """The same, and whether the dataset's last verdict was good; both null where that can't be known."""

    dataset: dict[str, str] | None
    embedding: ServedEmbedding | None

    @property
    def last_verdict(self) -> LastVerdict | None:
        """The verdict in `dataset`; None where none was given, or it can't be known."""
        return LastVerdict(self.dataset) if self.dataset else None
