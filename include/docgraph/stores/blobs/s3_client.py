"""How S3 is reached, and what its errors mean: shared by what writes blobs (`s3`) and what reads a bucket of others (`bucket`)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from docgraph.domain.errors import ConfigurationError, InfrastructureError, StoreUnavailableError
from docgraph.settings import AwsAccess

#: Codes of an object that isn't there, and of a condition that doesn't hold; HEAD has no body, so its codes are numbers.
ABSENT = frozenset({"404", "NoSuchKey", "NotFound"})
LOST = frozenset({"412", "PreconditionFailed"})
_HINTS = {
    "InvalidAccessKeyId": "Correct the access key.",
    "SignatureDoesNotMatch": "Correct the secret key.",
    "PermanentRedirect": "Correct the region, or the endpoint: the bucket lies elsewhere.",
    "AuthorizationHeaderMalformed": "Correct the region.",
}


def connect(access: AwsAccess, *, patient: bool = True) -> Any:
    """Return a client; what `access` leaves open comes from the environment and files as in every program that uses S3.

    One that is not patient asks once and waits for seconds, because a person waits for what it says.

    Raises:
        ConfigurationError: the access can't be used.
    """
    try:
        return boto3.client(
            "s3",
            endpoint_url=access.endpoint_url,
            region_name=access.region,
            aws_access_key_id=access.access_key_id,
            aws_secret_access_key=access.secret_access_key,
            aws_session_token=access.session_token,
            config=Config(
                connect_timeout=5 if patient else 2,
                read_timeout=60 if patient else 5,
                retries={"mode": "standard", "max_attempts": 5 if patient else 1},
                # Others than AWS don't know its newer checksums, and every artifact and snapshot carries its own.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )
    except (BotoCoreError, ValueError) as error:
        raise ConfigurationError(f"S3 can't be used: {error}. Check its region, endpoint and credentials.") from error


@contextlib.contextmanager
def explaining(action: str, place: str, hints: Mapping[str, str]) -> Iterator[None]:
    """Turn the client's errors into ours: which object, why, what to do; `hints` say that of codes that mean something here."""
    try:
        yield
    except ClientError as error:
        code = error_code(error)
        hint = {**_HINTS, **hints}.get(code, "Look at the service's own log, and at the bucket's policy.")
        raise InfrastructureError(
            f"Can't {action} {place}: {code} {error.response['Error'].get('Message', '')}. {hint}"
        ) from error
    except BotoCoreError as error:
        raise StoreUnavailableError(
            f"Can't {action} {place}: {error}. Check the endpoint, the region and the credentials of S3."
        ) from error


def error_code(error: ClientError) -> str:
    """Return what the service calls its error."""
    return str(error.response.get("Error", {}).get("Code", ""))
