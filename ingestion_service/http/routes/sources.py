"""The sources: what is configured, how much is known of each, and what waits for a person."""

from __future__ import annotations

from fastapi import APIRouter

from docgraph.api.sources import SourceState, WithheldDeletions
from docgraph.runtime.config import SourceConfig
from docgraph.sources.registry import configured
from docgraph.state import Withheld
from ingestion_service.service import Service, Svc

router = APIRouter(tags=["sources"])


@router.get("/sources")
def sources(service: Svc) -> list[SourceState]:
    """List the configured sources."""
    made = configured(service.settings, service.runtime.config)
    return [_state(service, wanted, source.remembers) for wanted, source in made]


def _state(service: Service, wanted: SourceConfig, remembers: bool) -> SourceState:
    state = service.runtime.state
    return SourceState(
        name=wanted.name,
        kind=wanted.kind,
        tag=wanted.tag,
        where=wanted.where,
        dag_id=wanted.dag_id,
        known=state.cursors.count(wanted.name) if remembers else None,
        withheld=_withheld(state.withheld.get(wanted.name)) if remembers else None,
    )


def _withheld(withheld: Withheld | None) -> WithheldDeletions | None:
    if withheld is None:
        return None
    return WithheldDeletions(
        documents=len(withheld.removed),
        since=withheld.since,
        decision=withheld.decision.value,
        decided_by=withheld.decided_by,
        plan_id=withheld.plan_id,
    )
