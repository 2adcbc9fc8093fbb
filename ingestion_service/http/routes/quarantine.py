"""What was set aside: entries of the stream, keys of jobs that can't be read, and what lies in a watch folder and can't be taken."""

from __future__ import annotations

from fastapi import APIRouter

from docgraph.api.quarantine import Quarantined, SetAside
from docgraph.domain.identity import content_hash
from docgraph.domain.quarantine import Door
from docgraph.runtime.web import ApiError
from docgraph.sources.files import printable
from docgraph.sources.filesystem import DropFolder
from docgraph.sources.registry import configured
from docgraph.state import SetAside as Kept
from docgraph.state import UnreadableJob
from ingestion_service.service import Service, Svc

router = APIRouter(prefix="/quarantine", tags=["quarantine"])


@router.get("")
def show_all(service: Svc) -> Quarantined:
    """List what was set aside, from every entry point."""
    state = service.runtime.state
    entries = [_entry(each) for each in state.quarantine.all()]
    entries += [_job(each) for each in state.jobs.unreadable()]
    return Quarantined(entries=entries + _stuck(service))


@router.get("/{entry_id}")
def show(service: Svc, entry_id: str) -> SetAside:
    """Return one thing that was set aside, with what it held."""
    return _found(service, entry_id)


@router.post("/{entry_id}/retry")
def retry(service: Svc, entry_id: str) -> SetAside:
    """Put an entry of the stream back as it came. 409 for what is looked at again by itself."""
    found = _found(service, entry_id)
    if found.door is not Door.STREAM:
        raise ApiError(
            409,
            "looked_at_again",
            f"{found.name} is looked at again by itself, as soon as its reason is gone.",
            found.reason,
        )
    service.runtime.state.quarantine.retry(entry_id)
    return found


@router.post("/{entry_id}/drop")
def drop(service: Svc, entry_id: str) -> SetAside:
    """Remove it for good. 409 for files: a person removes them."""
    found = _found(service, entry_id)
    if found.door is Door.WATCH:
        raise ApiError(
            409,
            "not_removed",
            f"{found.name} is not docgraph's to remove: it was never taken.",
            "Remove the file yourself.",
        )
    if found.door is Door.STATE:
        service.runtime.state.jobs.forget_unreadable(found.job_id)
    else:
        service.runtime.state.quarantine.drop(entry_id)
    return found


def _found(service: Service, entry_id: str) -> SetAside:
    kept = service.runtime.state.quarantine.get(entry_id)
    if kept is not None:
        return _entry(kept)
    others = [_job(each) for each in service.runtime.state.jobs.unreadable()] + _stuck(service)
    found = next((each for each in others if each.id == entry_id), None)
    if found is None:
        raise ApiError(
            404,
            "not_set_aside",
            f"Nothing that was set aside has the id {entry_id}.",
            "`ingestctl quarantine list` lists all of it.",
        )
    return found


def _entry(kept: Kept) -> SetAside:
    return SetAside(
        id=kept.id, door=kept.door, name=kept.name, code=kept.code, reason=kept.reason, at=kept.at, job_id=kept.job_id,
        fields=dict(kept.fields),
    )  # fmt: skip


def _job(job: UnreadableJob) -> SetAside:
    return SetAside(
        id=f"state-{job.job_id}", door=Door.STATE, name=job.key, code="state_unreadable", reason=job.reason, job_id=job.job_id,
        fields=dict(job.fields),
    )  # fmt: skip


def _stuck(service: Service) -> list[SetAside]:
    return [
        SetAside(
            id=f"watch-{content_hash(wanted.name, printable(each.relative))[:16]}",
            door=Door.WATCH,
            name=printable(str(each.path)),
            code="not_movable",
            reason=each.reason,
        )
        for wanted, source in configured(service.settings, service.runtime.config)
        if isinstance(source, DropFolder)
        for each in source.stuck()
    ]
