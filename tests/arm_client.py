"""An emulator that stands in for Azure Resource Manager, and a plain client of it."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from azure.batch import BatchClient
from azure.core.credentials import AzureNamedKeyCredential

from batch_emulator.process import Running, start
from own_ca import Certificate

PATIENCE = 30.0
SUBSCRIPTION = "11111111-2222-3333-4444-555555555555"
GROUP = "Maps"
IDENTITY = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/providers/"
    "Microsoft.ManagedIdentity/userAssignedIdentities/writer"
)


@dataclass
class Arm:
    """Asks Resource Manager, and the data plane beside it."""

    running: Running
    http: httpx.Client
    client: BatchClient
    token: str

    @property
    def account(self) -> str:
        """The account's resource id."""
        group = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}"
        return f"{group}/providers/Microsoft.Batch/batchAccounts/{self.running.account}"

    def ask(
        self, method: str, path: str, *, version: str | None = "2025-06-01", **rest: Any
    ) -> httpx.Response:
        """Sends a request; a path that begins with no slash is below the account."""
        address = path if path.startswith("/") else f"{self.account}/{path}"
        query = {**({"api-version": version} if version else {}), **rest.pop("params", {})}
        headers = {"authorization": f"Bearer {self.token}", **rest.pop("headers", {})}
        return self.http.request(method, address, params=query, headers=headers, **rest)

    def put(self, name: str, **rest: Any) -> dict[str, Any]:
        """Makes a pool, or changes one, and returns its JSON."""
        answer = self.ask("PUT", f"pools/{name}", json=rest)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def get_token(self, resource: str) -> str:
        """A token of the emulator's identity."""
        identity = self.running.identity
        answer = self.http.get(
            identity["IDENTITY_ENDPOINT"],
            params={"api-version": "2019-08-01", "resource": resource},
            headers={"x-identity-header": identity["IDENTITY_HEADER"]},
        )
        return answer.json()["access_token"]


@contextmanager
def arm(certificate: Certificate, *options: str) -> Iterator[Arm]:
    """An emulator with `--arm`, and its clients."""
    more = ("--boot-time=0.05", "--oauth=basic", f"--arm={SUBSCRIPTION}/{GROUP}")
    with start(*more, *certificate.options, *options, trust=str(certificate.ca)) as running:
        trusted = ssl.create_default_context(cafile=str(certificate.ca))
        key = AzureNamedKeyCredential(running.account, running.key)
        batch = BatchClient(running.endpoint, key, connection_verify=str(certificate.ca))
        with (
            httpx.Client(trust_env=False, verify=trusted, base_url=running.endpoint) as http,
            batch,
        ):
            made = Arm(running, http, batch, "")
            made.token = made.get_token("https://management.azure.com/")
            yield made


def machine(**more: Any) -> dict[str, Any]:
    """The `properties` of a small pool."""
    image = {"publisher": "microsoft-dsvm", "offer": "ubuntu-hpc", "sku": "2404"}
    own = {"imageReference": image, "nodeAgentSkuId": "batch.node.ubuntu 24.04"}
    return {
        "vmSize": "STANDARD_D4S_V5",
        "deploymentConfiguration": {"virtualMachineConfiguration": own},
        **more,
    }


def fixed(dedicated: int, spot: int = 0, **more: Any) -> dict[str, Any]:
    """`scaleSettings` of a number of nodes."""
    targets = {"targetDedicatedNodes": dedicated, "targetLowPriorityNodes": spot}
    return {"fixedScale": {**targets, **more}}


def properties(azure: Arm, name: str) -> dict[str, Any]:
    """A pool's `properties` as they are now."""
    return azure.ask("GET", f"pools/{name}").json()["properties"]


def until(look: Callable[[], Any], enough: Callable[[Any], bool] = bool) -> Any:
    """What `look` sees once it is enough."""
    end = time.monotonic() + PATIENCE
    while not enough(seen := look()):
        assert time.monotonic() < end, seen
        time.sleep(0.02)
    return seen
