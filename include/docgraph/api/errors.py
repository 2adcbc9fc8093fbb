"""The one shape of an error."""

from __future__ import annotations

from docgraph.api.base import AnswerModel


class Error(AnswerModel):
    """What failed: a short code for programs, a sentence for people, what to do; some codes add fields."""

    code: str
    message: str
    hint: str = ""


class ErrorAnswer(AnswerModel):
    """The body of every answer that is an error."""

    error: Error
