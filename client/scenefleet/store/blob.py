"""A store in an Azure Blob container."""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import ParseError

from scenefleet.errors import NotAuthorisedError, NotInStoreError, StoreError
from scenefleet.network import cause_of
from scenefleet.settings import AzureSettings
from scenefleet.store.base import Entry, NodeAccess, NodeFile, sha256
from scenefleet.store.folder import writing_to
from scenefleet.store.skew import explain_skew

if TYPE_CHECKING:
    from azure.storage.blob import BlobServiceClient, ContainerClient

_CONTAINER = re.compile(r"(?=.{3,63}$)[a-z0-9]+(-[a-z0-9]+)*")
"""Source: https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers."""
_SEGMENT = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")
_SKEW = timedelta(minutes=15)
"""A SAS starts so much earlier, since clocks of nodes differ (the service's own advice)."""
_DELEGATION_LIMIT = timedelta(days=7)
"""A user delegation key lives seven days at most (the service's limit)."""


class BlobStore:
    """`az://account/container/prefix`, reached by a key or by Entra ID."""

    def __init__(self, address: str, settings: AzureSettings) -> None:
        account, container, prefix = split_address(address)
        self._account, self._container, self._prefix = account, container, prefix
        self._settings = settings
        endpoint = settings.storage_endpoint or f"https://{account}.blob.core.windows.net"
        self._endpoint = endpoint.rstrip("/")
        self._opened: BlobServiceClient | None = None

    @property
    def address(self) -> str:
        """`az://account/container/prefix`."""
        parts = (self._account, self._container, self._prefix)
        return "az://" + "/".join(part for part in parts if part)

    def prepare(self) -> None:
        """Makes the container where it is missing."""
        from azure.core.exceptions import ResourceExistsError

        with _say(self.address):
            client = self._client()
            with suppress(ResourceExistsError):  # another client was quicker
                if not client.exists():
                    client.create_container()

    def read(self, path: str) -> bytes:
        """The blob's bytes."""
        with _say(f"{self.address}/{path}"):
            return self._client().download_blob(self._name(path)).readall()

    def write(self, path: str, data: bytes) -> None:
        """Uploads the blob, checked by the service against its MD5."""
        with _say(f"{self.address}/{path}"):
            self._client().upload_blob(
                self._name(path),
                data,
                overwrite=True,
                validate_content=True,
                metadata={"sha256": sha256(data)},
            )

    def lines(self, path: str) -> Iterator[bytes]:
        """The blob's lines without their ends."""
        with _say(f"{self.address}/{path}"):
            chunks = self._client().download_blob(self._name(path)).chunks()
            rest = b""
            for chunk in chunks:
                *whole, rest = (rest + chunk).split(b"\n")
                yield from whole
            if rest:
                yield rest

    def write_lines(self, path: str, lines: Iterable[bytes]) -> None:
        """Uploads the lines by way of a temporary file, since their digest goes before them."""
        digest = hashlib.sha256()
        with tempfile.TemporaryFile() as file:
            for line in lines:
                file.write(line)
                file.write(b"\n")
                digest.update(line)
                digest.update(b"\n")
            file.seek(0)
            with _say(f"{self.address}/{path}"):
                self._client().upload_blob(
                    self._name(path),
                    file,
                    overwrite=True,
                    validate_content=True,
                    metadata={"sha256": digest.hexdigest()},
                )

    def fetch(self, path: str, target: Path) -> None:
        """Downloads the blob beside the target, then renames."""
        with _say(f"{self.address}/{path}"):
            stream = self._client().download_blob(self._name(path), max_concurrency=4)
        with writing_to(target) as part, part.open("wb") as file, _say(f"{self.address}/{path}"):
            stream.readinto(file)

    def list(self, prefix: str) -> Iterator[Entry]:
        """Blobs below a folder, with the digest that was stored with each."""
        start = self._name(prefix.rstrip("/") + "/") if prefix else self._name("")
        skip = len(self._name(""))
        with _say(self.address):
            for blob in self._client().list_blobs(name_starts_with=start, include=["metadata"]):
                metadata: dict[str, str] = blob.metadata or {}
                yield Entry(str(blob.name)[skip:], int(blob.size or 0), metadata.get("sha256"))

    def folders(self, prefix: str) -> list[str]:
        """Names of the virtual folders directly below one."""
        from azure.storage.blob import BlobPrefix

        start = self._name(prefix.rstrip("/") + "/")
        with _say(self.address):
            below = self._client().walk_blobs(name_starts_with=start, delimiter="/")
            found = [str(part.name) for part in below if isinstance(part, BlobPrefix)]
        return sorted(name[len(start) :].rstrip("/") for name in found)

    def digest(self, path: str) -> str:
        """The digest stored with the blob, or that of its bytes where there is none."""
        with _say(f"{self.address}/{path}"):
            client = self._client().get_blob_client(self._name(path))
            if known := (client.get_blob_properties().metadata or {}).get("sha256"):
                return str(known)
            digest = hashlib.sha256()
            for chunk in client.download_blob().chunks():
                digest.update(chunk)
            return digest.hexdigest()

    def node_access(self, hours: float) -> NodeAccess:
        """A managed identity where the settings name one, else a SAS that can only write."""
        url = "/".join(part for part in (self._endpoint, self._container, self._prefix) if part)
        environment = {"SCENEFLEET_STORE": url}
        if self._settings.identity_client_id:
            environment["SCENEFLEET_STORE_IDENTITY"] = self._settings.identity_client_id
        else:
            environment["SCENEFLEET_STORE_SAS"] = self._container_sas(hours)
        return NodeAccess(environment)

    def node_file(self, path: str, hours: float) -> NodeFile:
        """The blob's address: plain with an identity, else with a SAS that reads it alone."""
        url = f"{self._endpoint}/{self._container}/{self._name(path)}"
        if self._settings.identity_resource_id:
            return NodeFile(url, self._settings.identity_resource_id)
        return NodeFile(f"{url}?{self._blob_sas(path, hours)}")

    def close(self) -> None:
        """Closes the connection."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def _container_sas(self, hours: float) -> str:
        from azure.storage.blob import ContainerSasPermissions, generate_container_sas

        with _say(self.address):
            return generate_container_sas(
                self._account,
                self._container,
                permission=ContainerSasPermissions(create=True, write=True),
                **self._signature(hours),
            )

    def _blob_sas(self, path: str, hours: float) -> str:
        from azure.storage.blob import BlobSasPermissions, generate_blob_sas

        with _say(self.address):
            return generate_blob_sas(
                self._account,
                self._container,
                self._name(path),
                permission=BlobSasPermissions(read=True),
                **self._signature(hours),
            )

    def _signature(self, hours: float) -> dict[str, Any]:
        """What signs a SAS, and for how long: the account's key, or the user's delegation key."""
        now = datetime.now(UTC)
        start, expiry = now - _SKEW, now + min(timedelta(hours=hours), _DELEGATION_LIMIT - _SKEW)
        protocol = "https" if self._endpoint.startswith("https:") else None
        window: dict[str, Any] = {"start": start, "expiry": expiry, "protocol": protocol}
        if key := self._settings.storage_key:
            return {"account_key": key.get_secret_value(), **window}
        delegation = self._service().get_user_delegation_key(start, expiry)
        return {"user_delegation_key": delegation, **window}

    def _service(self) -> BlobServiceClient:
        if self._opened is None:
            from azure.storage.blob import BlobServiceClient

            self._opened = BlobServiceClient(
                self._endpoint,
                credential=self._credential(),
                # the SDK's own 15 s and more between tries leave a user in silence for 80 s
                initial_backoff=1,
                increment_base=2,
                connection_timeout=20,
            )
        return self._opened

    def _client(self) -> ContainerClient:
        return self._service().get_container_client(self._container)

    def _credential(self) -> Any:  # noqa: ANN401 - one of two unrelated classes of the SDK
        if key := self._settings.storage_key:
            from azure.core.credentials import AzureNamedKeyCredential

            return AzureNamedKeyCredential(self._account, key.get_secret_value())
        from azure.identity import DefaultAzureCredential

        return DefaultAzureCredential()

    def _name(self, path: str) -> str:
        parts = PurePosixPath(path)
        if parts.is_absolute() or ".." in parts.parts:
            raise StoreError(f"{path!r} is no path inside the store")
        return f"{self._prefix}/{path}" if self._prefix else path


def split_address(address: str) -> tuple[str, str, str]:
    """Account, container and prefix of `az://account/container/prefix`.

    Raises:
        StoreError: if there is no account or no container in it.
    """
    account, _, rest = address.removeprefix("az://").partition("/")
    container, _, prefix = rest.strip("/").partition("/")
    if not account or not container:
        raise StoreError(f"{address!r} is no store on Blob; write az://account/container/prefix")
    for part in prefix.split("/") if prefix else []:
        if not _SEGMENT.fullmatch(part):
            raise StoreError(
                f"{address!r}: {part!r} is no part of a prefix; each has letters, digits, dots, "
                "hyphens and underscores, and does not begin with a dot"
            )
    if not _CONTAINER.fullmatch(container):
        raise StoreError(
            f"{address!r}: {container!r} is no name of a container; it has 3 to 63 lower-case "
            "letters, digits and single hyphens"
        )
    return account, container, prefix


@contextmanager
def _say(what: str) -> Generator[None]:
    """Turns the SDK's errors into ours, without its text, which could hold a signed address."""
    from azure.core.exceptions import (
        AzureError,
        ClientAuthenticationError,
        HttpResponseError,
        ResourceNotFoundError,
        ServiceRequestError,
    )
    from requests import RequestException

    try:
        yield
    except ResourceNotFoundError as error:
        code = _code(error)
        if code == "ContainerNotFound":
            raise StoreError(f"{what}: the container does not exist") from None
        raise NotInStoreError(f"{what}: there is no such file in the store") from None
    except ClientAuthenticationError as error:
        raise _denied(what, error) from None
    except HttpResponseError as error:
        code = _code(error)
        if error.status_code in (401, 403):
            raise _denied(what, error) from None
        if not error.status_code or error.status_code < 300:  # its body did not come in full
            raise _broken(what, error) from None
        said = f"answered {error.status_code} {code or ''}".rstrip()
        raise StoreError(f"{what}: the storage service {said}; try again") from None
    except ServiceRequestError as error:
        raise StoreError(
            f"{what}: the storage service cannot be reached: {cause_of(error)}. Check the "
            "account's name, `storage_endpoint` in the settings, and the network."
        ) from None
    except (AzureError, RequestException) as error:
        raise _broken(what, error) from None
    except (ValueError, LookupError, TypeError, AttributeError, ParseError):  # of its answer
        raise StoreError(
            f"{what}: what answered is not Azure Blob Storage; check `storage_endpoint` in the "
            "settings"
        ) from None


def _broken(what: str, error: Exception) -> StoreError:
    cause = cause_of(error, "its answer cannot be read")
    return StoreError(f"{what}: the storage service broke off: {cause}; try again")


def _code(error: Any) -> str | None:  # noqa: ANN401 - the SDK's errors of many kinds
    code = getattr(error, "error_code", None)
    return None if code is None else str(getattr(code, "value", code))


def _denied(what: str, error: Any) -> NotAuthorisedError:  # noqa: ANN401 - as above
    answer = getattr(error, "response", None)
    date = answer.headers.get("Date") if answer is not None else None
    remedy = explain_skew(date, datetime.now(UTC)) or (
        "Check `storage_key` in the settings, or `az login` and the role Storage Blob Data "
        "Contributor on the container."
    )
    code = _code(error) or "no credential was accepted"
    return NotAuthorisedError(f"{what}: not allowed ({code}). {remedy}")
