"""What `cancel` and `resume` have in common: one request a job, and a failure of one does not stop the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ingestctl.errors import CommandError, ExitCode, NotFoundError, RefusedError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from docgraph.api.jobs import Job


@dataclass
class EachResult:
    """What happened to each job; `done` is the word for success."""

    done: str
    answers: dict[str, Job] = field(default_factory=dict)
    errors: dict[str, CommandError] = field(default_factory=dict)

    @property
    def exit_code(self) -> ExitCode:
        """4 if a job is not known, else 1 if one was refused."""
        if any(isinstance(error, NotFoundError) for error in self.errors.values()):
            return ExitCode.NOT_FOUND
        return ExitCode.FAILED if self.errors else ExitCode.OK

    def as_json(self) -> dict[str, Any]:
        """Return the jobs with their state or their error."""
        return {
            "jobs": [answer.as_json() for answer in self.answers.values()],
            "errors": [
                {"job_id": job_id, "code": error.code, "message": str(error), "hint": error.hint}
                for job_id, error in self.errors.items()
            ],
        }

    def for_people(self) -> Iterable[RenderableType]:
        """Return one line a job."""
        from rich.text import Text

        from ingestctl import render
        from ingestctl.text import printable

        for job_id, answer in self.answers.items():
            name = render.name_of(answer.source_uri)
            yield Text.assemble(("✔ ", "green"), printable(job_id), "  ", (name, "bold"), f"  {self.done}")
            if note := getattr(answer, "note", ""):
                yield Text(f"  {printable(str(note))}", style="yellow")
        for job_id, error in self.errors.items():
            yield Text.assemble(
                ("✘ ", "red"), printable(job_id), f"  {printable(str(error))} {printable(error.hint)}".rstrip()
            )


def each(job_ids: Sequence[str], request: Callable[[str], Job], done: str) -> EachResult:
    """Send one request for each job and collect answers and refusals.

    Raises:
        UnreachableError: the service can't be reached.
    """
    result = EachResult(done)
    for job_id in dict.fromkeys(job_ids):
        try:
            result.answers[job_id] = request(job_id)
        except (RefusedError, NotFoundError) as error:
            result.errors[job_id] = error
    return result
