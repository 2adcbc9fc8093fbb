"""The options that several commands share, spelled once."""

from __future__ import annotations

from typing import Annotated

import typer

from docgraph.domain.identity import is_tag
from ingestctl.shell import Shell

EPILOG = (
    "Exit codes: 0 all good · 1 a job failed, the dataset is not ready, or the stores differ · "
    "2 the command line or the settings are wrong · 3 the service can't be reached or refuses the token · 4 not found · "
    "130 Ctrl-C."
)


def _tag(value: str | None) -> str | None:
    if value is not None and not is_tag(value):
        raise typer.BadParameter(
            f"{value!r} can't name a dataset: use 1 to 63 of a-z, 0-9 and '-', starting with a letter or digit."
        )
    return value


Json = Annotated[bool, typer.Option("--json", help="Print one JSON document; text for people goes to standard error.")]
Tag = Annotated[str, typer.Option("--tag", "-t", metavar="TAG", help="The dataset.", callback=_tag)]
AnyTag = Annotated[str | None, typer.Option("--tag", "-t", metavar="TAG", help="Only this dataset.", callback=_tag)]
JobIds = Annotated[
    list[str], typer.Argument(metavar="JOB…", help="Job ids, as `ingestctl status` lists them.", show_default=False)
]
Documents = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[DOCUMENT…]",
        help="Only these documents: addresses, ids, or paths as `ingest` named them.",
        show_default=False,
    ),
]
AllDatasets = Annotated[bool, typer.Option("--all", help="Every dataset.")]


def start(ctx: typer.Context, as_json: bool) -> Shell:
    """Return this invocation's shell, told whether machines read the output."""
    shell: Shell = ctx.obj
    shell.as_json = as_json
    return shell
