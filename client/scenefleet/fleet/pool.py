"""A pool: made, or reused if it is what is wanted, or a conflict that says what differs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar, cast

from scenefleet.errors import FleetError, ScenefleetError
from scenefleet.fleet.connection import error_code, told
from scenefleet.fleet.existing_pool import Need, Seen, identities, misfits
from scenefleet.fleet.nodes import pool_health
from scenefleet.fleet.pool_differences import differences

if TYPE_CHECKING:
    from azure.batch import BatchClient

T = TypeVar("T")


def ensure_pool(
    client: BatchClient, body: dict[str, Any], *, needs_identity: bool, note: str | None = None
) -> bool:
    """Makes the pool unless it is there and equal.

    Args:
        client: the SDK's client.
        body: the pool as the data plane takes it.
        needs_identity: whether the template names a managed identity, which only a deployment of
            `main.bicep` can give a pool: such a pool is never made here.
        note: why the body is not what the template alone would make, for the message of a conflict.

    Returns:
        True if the pool was made, False if it was there.

    Raises:
        FleetError: if a pool of that id is there and differs, or must be deployed first.
    """
    from azure.batch import models

    pool = str(body["id"])
    existing = find_pool(client, pool)
    if existing is not None:
        _check(body, existing, note, deployed=needs_identity or identities(existing) != [])
        return False
    if needs_identity:
        raise FleetError(
            f"pool {pool}: its template gives the nodes a managed identity, which only the "
            "management plane can set. Deploy it once with pool_templates/main.bicep; after that "
            "runs reuse it."
        )
    from azure.core.exceptions import HttpResponseError

    with told(f"creating pool {pool}"):
        try:
            client.create_pool(models.BatchPoolCreateOptions(body))
        except HttpResponseError as error:
            if error_code(error) != "PoolExists":
                raise
    return True


def use_pool(client: BatchClient, pool: str, need: Need) -> dict[str, Any]:
    """The pool as the service has it, checked for what tasks need; nothing of it is changed.

    Raises:
        FleetError: if there is none of that id, it is being deleted, or tasks could not run on it.
    """
    found = find_pool(client, pool)
    if found is None:
        raise FleetError(
            f"pool {pool}: this Batch account has none of that id (`compute.pool`). `az batch pool "
            "list --query [].id` lists those that there are; a template's name, such as `pool: "
            "spot`, makes one"
        )
    if found.get("state") == "deleting":
        raise FleetError(f"pool {pool} is being deleted: name another as `compute.pool`")
    if wrong := misfits(found, need):
        raise FleetError(
            f"pool {pool} cannot run the tasks of this recipe, and nothing of it was changed:\n  "
            + "\n  ".join(wrong)
        )
    return found


def find_pool(client: BatchClient, pool: str) -> dict[str, Any] | None:
    """The pool as the service has it (REST JSON), or None where there is none."""
    from azure.core.exceptions import ResourceNotFoundError

    with told(f"reading pool {pool}"):
        try:
            return client.get_pool(pool).as_dict()
        except ResourceNotFoundError:
            return None


def check_image(client: BatchClient, body: dict[str, Any]) -> None:
    """Checks that the service supports the pool's operating system image, and still will tomorrow.

    Raises:
        FleetError: if it does not know the image, or its support has ended.
    """
    name, known, end = _support(client, body)
    if not known:
        raise FleetError(
            f"image {name}: this account's Azure Batch does not list it as supported; see `az "
            "batch pool supported-images list` and edit the pool template"
        )
    if end is not None and end <= datetime.now(UTC):
        raise FleetError(f"image {name}: Azure Batch ended its support on {end:%Y-%m-%d}")


def look_at(client: BatchClient, pool: dict[str, Any]) -> Seen:
    """Returns what the service says about a pool's nodes, its jobs and its operating system.

    A run needs none of it, so what may not be read (a role that only submits) is left out and told.
    """
    name = str(pool["id"])
    unread: list[str] = []

    def read(look: Callable[[], T], otherwise: T) -> T:
        try:
            return look()
        except ScenefleetError as error:
            unread.append(str(error))
            return otherwise

    return Seen(
        health=read(lambda: pool_health(client, name), None),
        jobs=read(lambda: _jobs_on(client, name), []),
        support=read(lambda: _support_ended(client, pool), None),
        unread=unread,
    )


def _jobs_on(client: BatchClient, pool: str) -> list[str]:
    wanted = f"state eq 'active' and executionInfo/poolId eq '{pool}'"
    with told(f"listing the jobs on pool {pool}"):
        return [str(job.id) for job in client.list_jobs(filter=wanted, select=["id"])]


def _support_ended(client: BatchClient, pool: dict[str, Any]) -> str | None:
    machine = cast("dict[str, Any]", pool.get("virtualMachineConfiguration") or {})
    if not cast("dict[str, Any]", machine.get("imageReference") or {}).get("publisher"):
        return None  # an image of its owner's, which the service does not list
    name, known, end = _support(client, pool)
    if not known:
        return (
            f"its operating system {name} is not one that Azure Batch lists as supported, so it "
            "may get no new nodes"
        )
    if end is not None and end <= datetime.now(UTC):
        return (
            f"Azure Batch ended its support of the operating system {name} on {end:%Y-%m-%d}, so "
            "it may get no new nodes"
        )
    return None


def _support(client: BatchClient, body: dict[str, Any]) -> tuple[str, bool, datetime | None]:
    """The image's name, whether the service lists it, and when it ends its support, if it says."""
    wanted = body["virtualMachineConfiguration"]["imageReference"]
    name = f"{wanted.get('publisher')}:{wanted.get('offer')}:{wanted.get('sku')}"
    with told("listing supported images"):
        for image in client.list_supported_images():
            known = image.image_reference
            if f"{known.publisher}:{known.offer}:{known.sku}".lower() == name.lower():
                return name, True, image.batch_support_end_of_life
    return name, False, None


def _check(
    body: dict[str, Any], existing: dict[str, Any], note: str | None, *, deployed: bool
) -> None:
    if existing.get("state") == "deleting":
        raise FleetError(f"pool {body['id']} is being deleted; give the command again in a minute")
    if found := differences(body, existing):
        raise FleetError(
            f"pool {body['id']} exists, but is not what the recipe asks for:\n  "
            + "\n  ".join([*found, *([note] if note else [])])
            + "\nSet the recipe's `compute` and `resources` to what the pool has, or copy the "
            "template to a file of another name and name that as `compute.pool`, or "
            + (
                "deploy the pool again while it has no nodes (pool_templates/README.md): a pool "
                "with an identity cannot be made by this client, so do not delete it. To use it as "
                f"it is, write `pool: {{id: {body['id']}}}`."
                if deployed
                else f"delete the pool (az batch pool delete --pool-id {body['id']})."
            )
        )
