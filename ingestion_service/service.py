"""What the routes share: connections, prober, launcher, metrics; made once a process and reached through the request."""

from __future__ import annotations

import logging
from typing import Annotated, cast

from fastapi import Depends, Request

from docgraph.domain.errors import ConfigurationError
from docgraph.ingest.airflow_api import AirflowApi
from docgraph.ingest.launcher import RunLauncher
from docgraph.readiness.liveness import DISPATCHER
from docgraph.settings import Settings
from ingestion_service.lanes import Lanes, Streams
from ingestion_service.liveness import IntakeCollector, IntakeWatch, Telling
from ingestion_service.metrics import ServiceMetrics
from ingestion_service.runtime import ServiceRuntime
from ingestion_service.workers.dispatcher import Dispatcher
from ingestion_service.workers.duties import LEASE_SECONDS, Duties, Duty
from ingestion_service.workers.gate import Gatekeeper
from ingestion_service.workers.preparation import Preparation
from ingestion_service.workers.reaper import Reaper
from ingestion_service.workers.stage_times import StageTimes

LEASE = "sidecar"
REAPER_INTERVAL = 5.0
STAGE_TIMES_INTERVAL = 5.0
PREPARATION_INTERVAL = 2.0

_log = logging.getLogger(__name__)


class Service:
    """Everything of one process; connects when first used, so that it starts while the stores are still starting."""

    def __init__(self, settings: Settings) -> None:
        """Prepare the connections.

        Raises:
            ConfigurationError: no token is set, or the configuration can't be read.
        """
        if not settings.token:
            raise ConfigurationError(
                "DOCGRAPH_TOKEN is empty, so anybody could write; set it in the environment or in $DOCGRAPH_HOME/.env (`make env`)."
            )
        self.settings = settings
        self.airflow = AirflowApi(settings.airflow_api_url, settings.airflow_user, settings.airflow_password)
        self.metrics = ServiceMetrics()
        self.lanes = Lanes()
        self.streams = Streams(self.metrics.streams)
        self.runtime = ServiceRuntime(settings)
        self.prober = self.runtime.prober
        self.prober.add("airflow", self.airflow.ping)
        self.prober.observe(self.metrics.observe_probe)
        self.metrics.watch(self.runtime.state)
        self.intake = IntakeWatch(self.runtime.state, self.airflow, self.runtime.config)
        self.metrics.registry.register(IntakeCollector(self.intake))
        self.launcher = RunLauncher(
            self.airflow,
            max_jobs_per_run=self.runtime.config.dispatch.max_jobs_per_run,
            observe=lambda outcome: self.metrics.runs.labels(outcome).inc(),
        )

    def duties(self) -> Duties:
        """Return the duties of this process, not yet started."""
        runtime, config = self.runtime, self.runtime.config
        dispatcher = Dispatcher(runtime, self.airflow, self.launcher, self.metrics)
        interval = config.dispatch.interval_seconds
        dispatching = Telling(DISPATCHER, interval, dispatcher.tick, runtime.state.liveness)
        reaper = Reaper(runtime, self.airflow, self.metrics)
        gatekeeper = Gatekeeper(runtime.state.gate, self.prober, config.gate, self.metrics)
        stage_times = StageTimes(runtime.state.jobs, self.metrics)
        return Duties(
            runtime.state.lease(LEASE, LEASE_SECONDS),
            [
                Duty("dispatcher", interval, dispatching),
                Duty("reaper", REAPER_INTERVAL, reaper.tick),
                Duty("gate", config.gate.interval_seconds, gatekeeper.tick),
                Duty("preparation", PREPARATION_INTERVAL, Preparation(runtime).tick, leased=False),
                Duty("stage-times", STAGE_TIMES_INTERVAL, stage_times.tick, leased=False),
            ],
            self.metrics,
        )

    def close(self) -> None:
        """Close all connections."""
        self.airflow.close()
        self.runtime.close()


async def service(request: Request) -> Service:
    """Return the process's service (a FastAPI dependency; a plain function would take a worker thread for each request)."""
    return cast(Service, request.app.state.service)


Svc = Annotated[Service, Depends(service)]
