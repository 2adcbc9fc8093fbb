"""What a kind of source wants to know beyond what all have, checked as the rest of the configuration is."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from docgraph.domain.errors import ConfigurationError
from docgraph.runtime.config import SourceConfig


class Options(BaseModel):
    """The options of a kind that has none; a kind with options derives its own model."""

    model_config = ConfigDict(extra="forbid", frozen=True)


_Own = TypeVar("_Own", bound=Options)


def options_of(wanted: SourceConfig, model: type[_Own], config_file: Path) -> _Own:
    """Return the options of a configured source as its kind describes them.

    Raises:
        ConfigurationError: one is unknown or can't be what it is; the message names file, source and key.
    """
    try:
        return model.model_validate(dict(wanted.options))
    except ValidationError as error:
        known = ", ".join(model.model_fields) or "none"
        problems = "; ".join(
            f"options.{'.'.join(str(part) for part in each['loc'])}: {each['msg']}" for each in error.errors()
        )
        raise ConfigurationError(
            f"{config_file}: sources: {wanted.name}: {problems}. The options of a source of kind {wanted.kind} are: {known}."
        ) from error
