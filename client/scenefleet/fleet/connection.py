"""How a Batch service is reached: an account on Azure, or the emulator."""

from __future__ import annotations

import binascii
import re
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from scenefleet.errors import FleetError, NotAuthorisedError, ScenefleetError, SilentFleetError
from scenefleet.network import cause_of
from scenefleet.settings import Settings
from scenefleet.store.skew import explain_skew

if TYPE_CHECKING:
    from azure.batch import BatchClient


_SIGNATURE = re.compile(r"sig=[^&\s\"']+", re.IGNORECASE)


_CONNECT_SECONDS = 15
"""For a connection; the SDK's own 300, four times over, is 20 minutes of silence."""
_READ_SECONDS = 100
"""For an answer: more than the service takes for its longest lists."""
_LONGEST_PAUSE = 20
"""Seconds between the SDK's own tries; longer patience is ours, since it tells the user."""
_LONGEST_WAIT = 5.0
"""Seconds of `Retry-After` that the SDK waits by itself, in silence; ours tells the user."""
_BUSY = frozenset({408, 429, 500, 502, 503, 504})
"""Statuses after which the same call may succeed later."""


@dataclass(frozen=True, slots=True)
class Connection:
    """A Batch endpoint and who calls it. Its text never shows the key."""

    endpoint: str
    account: str | None
    """The account's name, needed with a key."""
    key: str | None = field(repr=False)
    """Shared key; None for Entra ID."""


def azure_connection(settings: Settings) -> Connection:
    """The connection that the settings describe.

    Raises:
        NotAuthorisedError: if the endpoint, or the account's name beside a key, is missing.
    """
    settings.need("batch_endpoint")
    azure = settings.azure
    if azure.batch_key is not None:
        settings.need("batch_account")
    endpoint = str(azure.batch_endpoint)
    if "://" not in endpoint:
        endpoint = f"https://{endpoint}"
    key = azure.batch_key.get_secret_value() if azure.batch_key else None
    return Connection(endpoint.rstrip("/"), azure.batch_account, key)


def connect(connection: Connection) -> BatchClient:
    """The SDK's client for a connection; nothing is sent yet."""
    from azure.batch import BatchClient

    if connection.key is not None:
        from azure.core.credentials import AzureNamedKeyCredential

        credential: Any = AzureNamedKeyCredential(str(connection.account), connection.key)
    else:
        from azure.identity import DefaultAzureCredential

        credential = DefaultAzureCredential()
    return BatchClient(
        endpoint=connection.endpoint,
        credential=credential,
        connection_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
        retry_policy=_retry_policy(),
    )


def _retry_policy() -> Any:  # noqa: ANN401 - a class of the SDK, which is imported late
    """Returns the SDK's own tries, but for answers that ask for a long wait: any server may."""
    from azure.core.pipeline.policies import RetryPolicy

    class Brief(RetryPolicy[Any, Any]):
        """Leaves long waits to those who can tell the user."""

        def is_retry(self, settings: dict[str, Any], response: Any) -> bool:  # noqa: ANN401 - SDK's
            wait = self.get_retry_after(response) or 0.0
            return wait <= _LONGEST_WAIT and super().is_retry(settings, response)

    return Brief(retry_backoff_max=_LONGEST_PAUSE)


@contextmanager
def told(what: str) -> Generator[None]:
    """Turns the SDK's errors into ours, with the service's code and text, signatures taken out.

    Args:
        what: what was being done, for the message: "creating pool x".
    """
    from azure.core.exceptions import (
        AzureError,
        ClientAuthenticationError,
        HttpResponseError,
        ServiceRequestError,
        ServiceResponseError,
    )

    try:
        yield
    except ScenefleetError:
        raise
    except ClientAuthenticationError as error:
        raise _denied(what, error) from None
    except HttpResponseError as error:
        if error.status_code in (401, 403):
            raise _denied(what, error) from None
        if is_broken(error):
            cause = cause_of(error, "its answer cannot be read")
            raise SilentFleetError(f"{what}: Azure Batch broke off: {cause}") from None
        text = f"{what}: Azure Batch answered {service_text(error)}"
        if error.status_code in _BUSY:
            raise SilentFleetError(
                text, status=error.status_code, retry_after=retry_after(error)
            ) from None
        raise FleetError(text) from None
    except (ServiceRequestError, ServiceResponseError) as error:
        raise SilentFleetError(
            f"{what}: Azure Batch cannot be reached: {cause_of(error)}. Check the network "
            "and `batch_endpoint` in the settings, which has the form "
            "https://ACCOUNT.REGION.batch.azure.com."
        ) from None
    except binascii.Error:
        raise NotAuthorisedError(f"{what}: the Batch key in the settings is malformed") from None
    except (AzureError, ValueError) as error:
        raise FleetError(
            f"{what}: what answered is not Azure Batch, or broke off: "
            f"{cause_of(error, 'its answer cannot be read')}; "
            "check `batch_endpoint` in the settings, and try again"
        ) from None


def service_text(error: Any) -> str:  # noqa: ANN401 - azure-core's error around Batch's own model
    """Status, code and first line of the service's own message, with its details."""
    model = getattr(error, "model", None)
    message: Any = getattr(model, "message", None)
    text = str(getattr(message, "value", None) or getattr(error, "reason", None) or "")
    details: list[Any] = getattr(model, "error_values", None) or []
    # the value that was refused may be a signed address
    kept = [detail for detail in details if detail.key != "PropertyValue"]
    more = "; ".join(f"{detail.key}: {detail.value}" for detail in kept)
    first = text.splitlines()[0] if text else ""
    parts = (str(error.status_code), error_code(error), first, more)
    return unsigned(" ".join(part for part in parts if part))


def word(value: Any) -> str:  # noqa: ANN401 - the SDK's enums, or text it does not know
    """Returns one of the service's words, such as a state, in lower case."""
    return str(getattr(value, "value", value)).lower()


def unsigned(text: str) -> str:
    """A text of the service without the signatures of addresses that it may repeat."""
    return _SIGNATURE.sub("sig=...", text)


def error_code(error: Any) -> str | None:  # noqa: ANN401 - as above
    """The service's error code, such as `JobExists`."""
    code = getattr(getattr(error, "model", None), "code", None)
    return str(code) if code else None


def is_broken(error: Any) -> bool:  # noqa: ANN401 - as above
    """Tells whether an answer did not come in full, so that it says nothing."""
    return error.status_code is None or error.status_code < 300


def is_passing(error: BaseException) -> bool:
    """Tells whether the service is only busy or silent, so that the same call may succeed later."""
    from azure.core.exceptions import HttpResponseError, ServiceRequestError, ServiceResponseError

    if isinstance(error, HttpResponseError):
        return error.status_code in _BUSY or is_broken(error)
    return isinstance(error, ServiceRequestError | ServiceResponseError)


def retry_after(error: Any) -> float | None:  # noqa: ANN401 - as above
    """Returns the seconds that the service asks to wait, or None where it names none."""
    answer = getattr(error, "response", None)
    text = answer.headers.get("Retry-After") if answer is not None else None
    if text is None:
        return None
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return None


def _denied(what: str, error: Any) -> NotAuthorisedError:  # noqa: ANN401 - as above
    code = error_code(error) or "no credential was accepted"
    answer = getattr(error, "response", None)
    date = answer.headers.get("Date") if answer is not None else None
    remedy = explain_skew(date, datetime.now(UTC)) or (
        "Check `batch_account` and `batch_key` in the settings, or `az login` and the role Azure "
        "Batch Data Contributor; an account may refuse shared keys. `scenefleet doctor` tries each "
        "of them."
    )
    return NotAuthorisedError(
        f"{what}: Azure Batch did not accept the credential ({code}). {remedy}"
    )
