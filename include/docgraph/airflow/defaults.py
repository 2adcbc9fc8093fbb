"""What DAG files need while Airflow reads them, and nothing that takes long to import: how tasks are tried again, and names."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryRule

from docgraph.domain.errors import ConfigurationError
from docgraph.runtime.config import IngestConfig
from docgraph.settings import Settings

logger = logging.getLogger(__name__)

#: The DAG that asks a person about deletions in numbers.
APPROVAL_DAG = "approve_deletions"
#: Infrastructure errors are retried soon; what no retry can fix fails at once.
RETRY_POLICY = ExceptionRetryPolicy(
    rules=[
        RetryRule(
            exception="docgraph.domain.errors.ConfigurationError",
            action=RetryAction.FAIL,
            reason="fix the configuration",
        ),
        RetryRule(
            exception="docgraph.domain.errors.DatasetVersionsError", action=RetryAction.FAIL, reason="it was given up"
        ),
        RetryRule(
            exception="docgraph.domain.errors.JobNotFoundError",
            action=RetryAction.FAIL,
            reason="send the documents again",
        ),
        RetryRule(
            exception="docgraph.domain.errors.StaleAttemptError",
            action=RetryAction.RETRY,
            retry_delay=timedelta(seconds=1),
            reason="another attempt was faster",
        ),
    ]
)


def _time_limit() -> timedelta:
    """Return what a task may take; where the configuration can't be read its tasks say so, and the DAGs stay."""
    try:
        settings = Settings.load()
        config = IngestConfig.load(settings.config_file, settings.options)
    except ConfigurationError as error:
        logger.warning("tasks have the default time limit: %s", error)
        config = IngestConfig()
    return timedelta(seconds=config.pipeline.task_seconds)


#: How every task is tried again that doesn't say otherwise, and what it may take. A task that waits for something to happen has no limit.
DEFAULT_ARGS: dict[str, Any] = {
    "execution_timeout": _time_limit(),
    "retries": 5,
    "retry_delay": timedelta(seconds=2),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(minutes=2),
    "retry_policy": RETRY_POLICY,
}
