"""Reads what an account uses and weighs a recipe's pool against its quotas."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from scenefleet.fleet.choice import PoolChoice
from scenefleet.fleet.connection import azure_connection, told
from scenefleet.fleet.quota import Verdict, describe, judge, measure, read_quota, want
from scenefleet.fleet.resource_manager import find_account
from scenefleet.settings import Settings
from scenefleet_task.reach import is_local_name

if TYPE_CHECKING:
    from azure.batch import BatchClient

_OPEN = "state ne 'completed'"
"""Jobs and schedules that count."""


@dataclass(frozen=True, slots=True)
class Weighed:
    """An account's quotas in a sentence, and whether a recipe's pool fits into them."""

    quotas: str
    verdict: Verdict


def ask_account(settings: Settings) -> dict[str, Any] | None:
    """Returns the Batch account as Azure Resource Manager describes it; None for an emulator.

    Raises:
        NotAuthorisedError: if it may not be asked.
        FleetError: if it does not answer.
    """
    endpoint = azure_connection(settings).endpoint
    here = is_local_name(urlsplit(endpoint).hostname or "")
    if here and settings.azure.resource_manager is None:
        return None
    return find_account(settings, endpoint)


def weigh(
    client: BatchClient, choice: PoolChoice, account: Mapping[str, Any], *, max_nodes: int
) -> Weighed:
    """Weighs the pool of a recipe against the quotas of an account."""
    with told("reading what the account uses"):
        pools = [pool.as_dict() for pool in client.list_pools()]
        jobs = sum(1 for _ in client.list_jobs(filter=_OPEN, select=["id"]))
        jobs += sum(1 for _ in client.list_job_schedules(filter=_OPEN, select=["id"]))
    name = choice.id.casefold()
    found = next((pool for pool in pools if str(pool["id"]).casefold() == name), None)
    body = choice.body if choice.existing is None or found is None else found
    quota, usage = read_quota(account), measure(pools, jobs)
    wanted = want(body, found, max_nodes=max_nodes)
    return Weighed(describe(quota, usage, wanted.size), judge(quota, usage, wanted))
