"""reconcile: commit, sweep, verify — the step that makes a document's new generation what readers see.

The protocol and its reasons are in docs/explanation/commit-protocol.md; the decisions are `domain.protocol`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from docgraph.domain.commit import CommitResult
from docgraph.domain.documents import Committed, Difference, ExtractedDocument, Plan
from docgraph.domain.errors import StaleAttemptError
from docgraph.domain.identity import fingerprint
from docgraph.domain.jobs import Outcome
from docgraph.domain.protocol import Attempt, CommitDecision, StagedAttempt, may_sweep
from docgraph.ingest.stages.build_graph import commit_request
from docgraph.ingest.stages.vector_upsert import begin_attempt, stage
from docgraph.ingest.work import JobLostError, Work, is_current, pipeline_version, served_versions, target_versions
from docgraph.integrity.repair import verify_generation
from docgraph.runtime.failpoints import failpoint
from docgraph.state.records import Checkpoint

NAME = "reconcile"
RECONCILE_VERSION = 1
#: How often an attempt starts again because another one committed in between.
MAX_ROUNDS = 16


def fingerprint_of(work: Work) -> str:
    """Return what determines the outcome: what was staged."""
    return fingerprint(NAME, RECONCILE_VERSION, [work.checkpoint("vector_upsert").fingerprint])


def run(work: Work, fingerprint: str) -> Checkpoint:
    """Commit, sweep and verify one document, then complete its job.

    Raises:
        JobLostError: the job was cancelled before the commit, or newer content was committed meanwhile.
        StaleAttemptError: other attempts kept committing; the task is retried.
        InfrastructureError: the points of the generation could not be made to equal it.
    """
    staged = StagedAttempt.from_json(work.checkpoint("vector_upsert").extra["staged"])
    plan = work.load("build_graph", Plan)
    attempt = Attempt(
        document_id=work.document_id,
        owner=staged.owner,
        fence=staged.fence,
        version=work.job.version,
        base_generation=plan.base_generation,
    )
    before = work.runtime.graph.committed(work.document_id)
    if is_current(work.state, before, pipeline_version(work.runtime)) and before.owner != attempt.owner:
        return _finish(work, fingerprint, Outcome.UNCHANGED, before)
    attempt, result, previous = _commit(work, attempt, plan.document, staged.versions, before)
    document = result.document
    failpoint("reconcile.after_commit")
    # A version that is begun after the commit finds the document committed, and brings it over itself.
    tag, wanted = work.job.tag, result.versions
    versions = target_versions(work.runtime, tag) if wanted is None else served_versions(work.runtime, tag, wanted)
    for version in versions:
        if version.name not in staged.versions:
            work.runtime.vectors.ensure(version)
        # What the transaction has written, or found of this attempt: a later attempt's points have a higher fence.
        if may_sweep(document, attempt.fence, attempt.owner):
            work.runtime.vectors.sweep(version, work.document_id, attempt.fence, document.generation)
        failpoint("reconcile.after_sweep")
        verify_generation(work.runtime, version, work.document_id, attempt, document)
    return _finish(work, fingerprint, _outcome(plan, previous, document), document)


def _commit(
    work: Work,
    attempt: Attempt,
    wanted: ExtractedDocument | None,
    staged: Sequence[str],
    standing: Committed,
) -> tuple[Attempt, CommitResult, Committed]:
    """Commit, starting again as the protocol says; returns the attempt, what it committed and what stood before.

    `staged` names the embedding versions in which the attempt has staged, `standing` is what was committed when it began.
    """
    for _ in range(MAX_ROUNDS):
        work.check_live()
        # The difference is made against the attempt's base, whatever stands by now: the transaction compares the two.
        request = commit_request(work, attempt, wanted, replace(standing, generation=attempt.base_generation), staged)
        failpoint("reconcile.before_commit")
        result = work.runtime.graph.commit(request)
        if result.decision is CommitDecision.COMMIT:
            return attempt, result, standing
        if result.decision is CommitDecision.ALREADY_MINE:
            return attempt, result, Committed(work.document_id, generation=attempt.base_generation)
        if result.decision is CommitDecision.SUPERSEDED:
            reason = (
                f"superseded: newer content of {work.job.source_uri} (version {result.document.version}) is committed"
            )
            work.runtime.state.jobs.cancel(work.job_id, reason)
            raise JobLostError(work.job_id)
        standing = result.document
        # Stale fence with older content, another base, or a version that is being built since: everything is computed
        # against what stands now, and staged again.
        attempt = begin_attempt(work, result.document.generation)
        if wanted is not None:
            target = [section.section_id for section in wanted.parsed.sections]
            added = Difference.between(result.document.generation, target).added
            staged = stage(work, attempt, wanted, added).versions
    raise StaleAttemptError(
        f"Other attempts at {work.job.source_uri} committed {MAX_ROUNDS} times while this one was starting again; it is retried."
    )


def _outcome(plan: Plan, previous: Committed, document: Committed) -> Outcome:
    if plan.document is None:
        return Outcome.DELETED
    if previous.exists and _same_content(previous, document):
        return Outcome.UNCHANGED
    if plan.document.parsed.empty:
        return Outcome.EMPTY
    return Outcome.UPDATED if previous.exists or previous.generation else Outcome.CREATED


def _same_content(previous: Committed, document: Committed) -> bool:
    return (previous.generation, previous.checksum, previous.pipeline) == (
        document.generation,
        document.checksum,
        document.pipeline,
    )


def _finish(work: Work, fingerprint: str, outcome: Outcome, document: Committed) -> Checkpoint:
    """Say that the job is done; a job that was cancelled after its commit stays cancelled, its commit stands."""
    difference = work.load("build_graph", Plan).difference
    unchanged = outcome is Outcome.UNCHANGED
    counts = {
        "sections": len(document.generation),
        "added": 0 if unchanged else len(difference.added),
        "removed": 0 if unchanged else len(difference.removed),
        "reused": len(document.generation) if unchanged else len(difference.kept),
    }
    if not work.runtime.state.jobs.complete(work.job_id, work.run_id, outcome, counts, document.fence):
        raise JobLostError(work.job_id)
    return Checkpoint(fingerprint=fingerprint, artifact="", items=len(document.generation), extra={"unit": "sections"})
