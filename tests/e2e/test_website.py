"""A list on a web server, watched by the whole running stack: each change exactly once, and nothing started while nothing changes."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import yaml

from docgraph.domain.documents import EmbeddingVersion
from docgraph.domain.jobs import JobState, JobStatus
from docgraph.runtime.connections import Runtime
from docgraph_local.stack import Stack
from support.e2e.drops import Drops, page, wait_for
from support.unit.web_site import Site, web_site

#: Seconds in which the DAG of a new source appears, and nothing may happen.
DAG_SECONDS, IDLE_SECONDS = 120.0, float(os.environ.get("DOCGRAPH_TEST_IDLE_SECONDS", "20"))
POLL_SECONDS = 2.0


@pytest.fixture
def site(stack: Stack, runtime: Runtime, tag: str) -> Iterator[Site]:
    """A site whose list the stack watches, under a source that is called as the dataset."""
    home = runtime.settings.workspace
    config = home / "config" / "ingest.yaml"
    before = config.read_text(encoding="utf-8")
    with web_site() as made:
        source = {
            "name": tag,
            "kind": "http",
            "where": f"{made.url}/list.json",
            "tag": tag,
            "poll_seconds": POLL_SECONDS,
            "options": {"allow_hosts": [made.url.partition("//")[2]], "requests_per_second": 100},
        }
        made.list_as_json("/list.json")
        content = yaml.safe_load(before)
        content["sources"].append(source)
        config.write_text(yaml.safe_dump(content), encoding="utf-8")
        try:
            yield made
        finally:
            config.write_text(before, encoding="utf-8")
            for uri in runtime.state.cursors.get(tag):
                runtime.state.cursors.note(tag, {uri: None})


class Airflow:
    """What Airflow has started for one DAG."""

    def __init__(self, runtime: Runtime, dag: str) -> None:
        self._settings = runtime.settings
        self._dag = dag

    def tasks(self) -> list[dict[str, Any]]:
        """Return the DAG's task instances, of all its runs."""
        settings = self._settings
        login = {"username": settings.airflow_user, "password": settings.airflow_password}
        with httpx.Client(base_url=settings.airflow_api_url, trust_env=False, timeout=30) as client:
            token = client.post("/auth/token", json=login).json()["access_token"]
            answer = client.get(
                f"/api/v2/dags/{self._dag}/dagRuns/~/taskInstances",
                params={"limit": 500},
                headers={"Authorization": f"Bearer {token}"},
            )
            return list(answer.json()["task_instances"]) if answer.is_success else []

    def waits(self) -> bool:
        """Tell whether the newest run waits in the triggerer."""
        states = [each["state"] for each in self.tasks() if each["task_id"] == "wait_for_changes"]
        return states.count("deferred") == 1


def outcomes(jobs: list[JobState]) -> list[str]:
    assert all(job.status is JobStatus.COMPLETED for job in jobs), [job.error for job in jobs]
    return sorted(job.outcome for job in jobs)


@pytest.mark.timeout(1200)
def test_a_list_on_the_web_is_followed_change_by_change_and_costs_nothing_while_it_is_the_same(
    drops: Drops, site: Site, version: EmbeddingVersion
) -> None:
    airflow = Airflow(drops.runtime, f"watch_{drops.tag}")
    wait_for(airflow.waits, "the source waits in the triggerer", DAG_SECONDS)
    for number in range(20):
        site.put(f"/page{number:02}.md", page(f"Topic {number}", 2, f"edition{number}"))
    site.list_as_json("/list.json")
    assert outcomes(drops.ended(20, 400)) == ["created"] * 20
    assert drops.evidence("edition7.option_1")[0]["source_uri"].startswith(site.url)

    for number in range(5):
        site.put(f"/page{number:02}.md", page(f"Topic {number}", 2, f"later{number}"))
    for number in range(17, 20):
        del site.pages[f"/page{number:02}.md"]
    site.list_as_json("/list.json")
    assert outcomes(drops.ended(28, 400)) == ["created"] * 20 + ["deleted"] * 3 + ["updated"] * 5
    in_graph = drops.ids_in_graph()
    assert len(in_graph) == len(set(in_graph)) == 17 * 2
    assert sorted(in_graph) == sorted(drops.ids_in_vectors(version))

    wait_for(airflow.waits, "the source waits in the triggerer again")
    before = [(each["id"], each["state"], each["try_number"]) for each in airflow.tasks()]
    site.paths()
    time.sleep(IDLE_SECONDS)
    asked = site.paths()
    after = [(each["id"], each["state"], each["try_number"]) for each in airflow.tasks()]
    assert after == before, "no task instance is started while nothing changes"
    assert set(asked) == {"/list.json"}
    assert IDLE_SECONDS / POLL_SECONDS / 2 <= len(asked) <= IDLE_SECONDS / POLL_SECONDS + 2
    print(f"\nidle for {IDLE_SECONDS:.0f} s: {len(asked)} requests, {len(after) - len(before)} task instances")
    assert len(drops.jobs()) == 28
