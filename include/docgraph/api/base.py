"""What every model of the contract is: frozen, strict in what a request may say, lenient in what an answer may add."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict


class RequestModel(BaseModel):
    """The body of a request; a field that the contract doesn't know is refused, because it would be ignored otherwise."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class AnswerModel(BaseModel):
    """An answer; fields that a newer service adds are kept, so that `ingestctl --json` passes them on."""

    model_config = ConfigDict(extra="allow", frozen=True, from_attributes=True)

    def as_json(self) -> dict[str, Any]:
        """Return the values that go over the wire."""
        return self.model_dump(mode="json")


def _rounded(digits: int) -> AfterValidator:
    return AfterValidator(lambda value: round(value, digits))


#: Seconds, and scores: to the microsecond, and as fine as ranks differ.
Fine = Annotated[float, _rounded(6)]
#: Shares and percentages.
Share = Annotated[float, _rounded(4)]
Milliseconds = Annotated[float, _rounded(3)]
