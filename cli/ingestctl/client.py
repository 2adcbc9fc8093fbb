"""The ingestion service as the command line sees it: a method a route, answers in the models of the HTTP contract."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ingestctl.errors import NotFoundError, UsageError
from ingestctl.transport import Transport, decoded, json_of

if TYPE_CHECKING:
    from docgraph.api.datasets import Dataset, Embeddings, ReembeddingAborted, ReembeddingStarted, RetiredEmbeddings
    from docgraph.api.explain import Explanation
    from docgraph.api.health import DatasetReadiness, Health, Intake, Readiness
    from docgraph.api.integrity import Operation, RepairRequest
    from docgraph.api.jobs import AcceptedJobs, Job, JobDetails, JobRequest, Jobs, ResumedJob
    from docgraph.api.quarantine import SetAside
    from docgraph.api.reports import Report
    from docgraph.api.search import SearchAnswer
    from docgraph.api.sources import SourceState

JOBS_PER_REQUEST = 500


class ServiceClient(Transport):
    """The routes; each method imports the models that it decodes, so that a command pays for its own."""

    def health(self) -> Health:
        """Return what the service says about itself."""
        from docgraph.api.health import Health

        return self.get(Health, "/health")

    def ready(self, tag: str | None) -> Readiness | DatasetReadiness:
        """Return the checks and the dataset's last verdict; not being ready is an answer, no error."""
        from docgraph.api.health import DatasetReadiness, Readiness

        response = self.request("GET", "/ready", params=_given(tag=tag), accept=(503,), retry=False)
        answer = json_of(response)
        if not isinstance(answer, dict) or "ready" not in answer:
            raise self.error(response, "GET /ready")
        return decoded(Readiness if tag is None else DatasetReadiness, answer)

    def has_snapshot(self, sha256: str) -> bool:
        """Whether the service holds these bytes already."""
        return self.request("HEAD", f"/v1/snapshots/{sha256}", accept=(404,)).status_code != 404

    def upload(self, chunks: Callable[[], Iterator[bytes]]) -> str:
        """Send a document's bytes and return the SHA-256 (hex) of what arrived; `chunks` is called once an attempt."""
        from docgraph.api.snapshots import Snapshot

        headers = {"Content-Type": "application/octet-stream"}
        return self.post(Snapshot, "/v1/snapshots", content=chunks, headers=headers).sha256

    def post_jobs(self, jobs: Sequence[JobRequest]) -> AcceptedJobs:
        """Queue at most `JOBS_PER_REQUEST` jobs and trigger their runs."""
        from docgraph.api.jobs import AcceptedJobs, JobsRequest

        body = JobsRequest(jobs=list(jobs), trigger=True)
        return self.post(AcceptedJobs, "/v1/jobs", json=body.model_dump(mode="json"))

    def jobs(self, *, tag: str | None, status: str | None, run_id: str | None, limit: int) -> list[Job]:
        """Return jobs, newest first."""
        return self.listing(tag=tag, status=status, run_id=run_id, limit=limit).jobs

    def listing(self, *, tag: str | None, status: str | None, run_id: str | None, limit: int) -> Jobs:
        """Return jobs, newest first, and those among them that can't be read."""
        from docgraph.api.jobs import Jobs

        return self.get(Jobs, "/v1/jobs", params=_given(tag=tag, status=status, run_id=run_id, limit=limit))

    def job(self, job_id: str) -> JobDetails:
        """Return one job with its checkpoints."""
        from docgraph.api.jobs import JobDetails

        return self.get(JobDetails, f"/v1/jobs/{_segment(job_id)}")

    def cancel(self, job_id: str) -> Job:
        """Cancel a job; RefusedError when it is final."""
        from docgraph.api.jobs import Job

        return self.post(Job, f"/v1/jobs/{_segment(job_id)}/cancel")

    def resume(self, job_id: str) -> ResumedJob:
        """Queue a failed or cancelled job again; RefusedError otherwise."""
        from docgraph.api.jobs import ResumedJob

        return self.post(ResumedJob, f"/v1/jobs/{_segment(job_id)}/resume")

    def job_report(self, job_id: str) -> Report:
        """Return the report of the run that a job belonged to."""
        return self._report(f"/v1/jobs/{_segment(job_id)}/report")

    def job_report_as(self, job_id: str, form: str) -> str:
        """Return a job's report as `md` or `html`."""
        return self.text(f"/v1/jobs/{_segment(job_id)}/report", params={"format": form})

    def latest_report(self, tag: str | None) -> Report:
        """Return the newest report (of a dataset)."""
        return self._report("/v1/reports/latest", params=_given(tag=tag))

    def report(self, report_id: str) -> Report:
        """Return the report with this id."""
        return self._report(f"/v1/reports/{_segment(report_id)}")

    def report_as(self, report_id: str, form: str) -> str:
        """Return a report as `md` or `html`."""
        return self.text(f"/v1/reports/{_segment(report_id)}", params={"format": form})

    def search(self, query: str, tag: str, **filters: str | int | None) -> SearchAnswer:
        """Return the evidence for a query."""
        from docgraph.api.search import SearchAnswer

        return self.get(SearchAnswer, "/v1/search", params={"q": query, "tag": tag, **_given(**filters)})

    def explain(self, addresses: Sequence[str], tag: str | None, checksum: str) -> Explanation:
        """Return the way of the document at the first of the addresses that is known, link by link."""
        from docgraph.api.explain import Explanation

        given = _given(tag=tag, checksum=checksum or None)
        return self.get(Explanation, "/v1/explain", params={"uri": list(addresses), **given})

    def datasets(self) -> list[Dataset]:
        """Return all datasets."""
        from docgraph.api.datasets import Dataset

        return [decoded(Dataset, row) for row in self.json("GET", "/v1/datasets")]

    def intake(self) -> Intake | None:
        """Return whether the intake lives; None where an older service does not say."""
        from docgraph.api.health import Intake

        try:
            return self.get(Intake, "/v1/intake")
        except NotFoundError:
            return None

    def sources(self) -> list[SourceState]:
        """Return the configured sources."""
        from docgraph.api.sources import SourceState

        return [decoded(SourceState, row) for row in self.json("GET", "/v1/sources")]

    def quarantine(self) -> list[SetAside]:
        """Return what was set aside."""
        from docgraph.api.quarantine import Quarantined

        return self.get(Quarantined, "/v1/quarantine").entries

    def set_aside(self, entry: str) -> SetAside:
        """Return one thing that was set aside, with what it held."""
        from docgraph.api.quarantine import SetAside

        return self.get(SetAside, f"/v1/quarantine/{_segment(entry)}")

    def decide(self, entry: str, way: str) -> SetAside:
        """Put it back (`retry`) or remove it (`drop`); RefusedError where that can't be."""
        from docgraph.api.quarantine import SetAside

        # Sent once: what a first try removed would not be found by a second.
        return self.post(SetAside, f"/v1/quarantine/{_segment(entry)}/{way}", retry=False)

    def embeddings(self, tag: str, run_id: str | None = None) -> Embeddings:
        """Return the dataset's embedding versions and how far a move is."""
        from docgraph.api.datasets import Embeddings

        return self.get(Embeddings, f"/v1/datasets/{_segment(tag)}/embeddings", params=_given(run_id=run_id))

    def reembed(self, tag: str, to: str | None) -> ReembeddingStarted:
        """Start the dataset's move to another embedding version, or go on with it; RefusedError where it can't move."""
        from docgraph.api.datasets import ReembeddingStarted

        return self.post(ReembeddingStarted, f"/v1/datasets/{_segment(tag)}/reembed", json=_given(to=to))

    def abort_reembedding(self, tag: str) -> ReembeddingAborted:
        """Give up the version that is being built; RefusedError where there is none."""
        from docgraph.api.datasets import ReembeddingAborted

        return self.post(ReembeddingAborted, f"/v1/datasets/{_segment(tag)}/reembed/abort")

    def retire_embeddings(self, tag: str, version: str) -> RetiredEmbeddings:
        """Delete the dataset's points of an earlier version; RefusedError where it is none."""
        from docgraph.api.datasets import RetiredEmbeddings

        return self.delete(RetiredEmbeddings, f"/v1/datasets/{_segment(tag)}/embeddings/{_segment(version)}")

    def _report(self, path: str, **options: Any) -> Report:
        from docgraph.api.reports import Report

        return self.get(Report, path, **options)

    def start(self, operation: str, body: RepairRequest) -> Operation:
        """Ask for a verification or repair (`verify`, `repair`); where it was done at once, the answer has the results."""
        from docgraph.api.integrity import Operation

        # Sent once: a second run of the same would do no harm, and cost its time.
        return self.post(Operation, f"/v1/{operation}", json=body.model_dump(mode="json"), retry=False)

    def operation(self, run_id: str) -> Operation:
        """Return how a verification or repair stands."""
        from docgraph.api.integrity import Operation

        return self.get(Operation, f"/v1/operations/{_segment(run_id)}")


def _given(**values: str | int | None) -> dict[str, str | int]:
    return {key: value for key, value in values.items() if value is not None}


def _segment(text: str) -> str:
    try:
        return quote(text, safe="")
    except UnicodeEncodeError as error:
        raise UsageError(f"{text!r} is not an id: it holds bytes that are no text.") from error
