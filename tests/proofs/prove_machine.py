"""The machine notices when a rule of the commit protocol is broken in the real code: minutes, so only `make prove` runs it."""

from __future__ import annotations

import pytest

from docgraph.domain.documents import EmbeddingVersion
from docgraph.runtime.connections import Runtime
from support.integration.broken_rules import Break
from support.integration.protocol_machine import forgetful, try_histories
from support.integration.witnesses import WITNESSES

__all__ = ["forgetful"]

#: A broken rule shows after about a hundred histories, the rarest after 350.
HISTORIES = 2_000


@pytest.mark.task("6.2")
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("broken", WITNESSES, ids=lambda broken: broken.__name__)
def test_the_machine_notices_a_broken_rule(
    forgetful: Runtime, version: EmbeddingVersion, monkeypatch: pytest.MonkeyPatch, broken: Break
) -> None:
    broken(monkeypatch, forgetful, version)
    with pytest.raises(AssertionError):
        try_histories(forgetful, version, HISTORIES, fixed=False, shrink=False)
