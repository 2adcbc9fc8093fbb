"""The options of parsing: the version of the rules, and what a deployment may set."""

from __future__ import annotations

from dataclasses import dataclass

from docgraph.domain.errors import ConfigurationError
from docgraph.domain.identity import content_hash

#: Version of what `parse` gives for the same bytes and options: raise it when any output changes (golden files tell).
PARSE_VERSION = 3
#: What the model takes without its two special tokens: no embedded text may have more.
MODEL_PIECES = 254


@dataclass(frozen=True, slots=True)
class ParseOptions:
    """Sizes in word pieces (`ruler.count`), except `max_bytes`."""

    section_budget: int = 200
    heading_budget: int = 40
    max_bytes: int = 256 * 2**20
    min_part: int = 50

    def __post_init__(self) -> None:
        """Refuse sizes that can't hold.

        Raises:
            ConfigurationError: the model would truncate, or nothing would be left for the text.
        """
        if not 8 <= self.heading_budget <= self.section_budget // 2 or not 32 <= self.section_budget <= MODEL_PIECES:
            raise ConfigurationError(
                f"section_budget={self.section_budget} and heading_budget={self.heading_budget} can't be used: the first is 32 to "
                f"{MODEL_PIECES} word pieces (the model's limit), the second 8 to half of the first."
            )
        if not 0 <= self.min_part <= self.section_budget // 3:
            raise ConfigurationError(
                f"min_part={self.min_part} can't be used: it is 0 to a third of section_budget={self.section_budget}."
            )

    def digest(self) -> str:
        """Return what identifies the options' effect; `max_bytes` refuses documents but changes none."""
        return content_hash("parse", str(self.section_budget), str(self.heading_budget), str(self.min_part))[:16]
