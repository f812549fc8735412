"""Errors of pools and nodes are told in the service's words, with what helps against them."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from azure.batch import models

from scenefleet.fleet.nodes import pool_health
from scenefleet.fleet.remedies import describe_node_error, describe_resize_error

DESIRED = "Desired number of dedicated nodes could not be allocated"
PROVIDER = "Provider Error Json"


def provider(code: str, message: str, **more: Any) -> list[tuple[str, str]]:
    error = {"error": {"code": code, "message": message, **more}}
    return [(PROVIDER, json.dumps(error, indent=1)), (f"{PROVIDER} Truncated", "False")]


@pytest.mark.parametrize(
    ("code", "help_"),
    [
        ("AccountCoreQuotaReached", "core quota is used up: lower compute.max_nodes"),
        ("AccountLowPriorityCoreQuotaReached", "Spot core quota"),
        ("AccountSpotCoreQuotaReached", "Spot core quota"),
        ("AccountVMSeriesCoreQuotaReached", "quota for this VM family"),
        ("AllocationTimedout", "Azure found no machines in time"),  # as the service spells it
        ("AllocationTimedOut", "Azure found no machines in time"),  # as documentation does
        ("OverconstrainedAllocationRequestError", "asks for at once"),
        ("OverconstrainedAllocationRequest", "asks for at once"),
        ("UnsupportedVMSize", "does not offer this vmSize"),
        ("DependentResourceNotFound", "was deleted or moved"),
    ],
)
def test_a_code_has_a_remedy(code: str, help_: str) -> None:
    text = describe_resize_error(code, "said")
    assert text.startswith(f"{code}: said (")
    assert help_ in text


@pytest.mark.parametrize(
    ("values", "said", "help_"),
    [
        (
            [("Reason", "Deployment allocation failed due to insufficient capacity for the "
              "requested VM size in the region.")],
            "insufficient capacity", "Azure has no such machines free",
        ),
        ([("Reason", "The server encountered an internal error.")], "internal error", "passing"),
        (
            [("Reason", "Allocation failed as subnet has delegation to external resources.")],
            "delegation", "delegated to another service",
        ),
        ([("Reason", "The specified image is not found")], "not found", "supported-images"),
        (
            provider("BadRequest", "The selected VM size 'STANDARD_A1_V2' cannot boot Hypervisor "
                     "Generation '2'."),
            "BadRequest: The selected VM size", "different generations",
        ),
        (provider("ScopeLocked", "The scope cannot perform write"), "ScopeLocked:", "a lock on"),
        (
            provider("OperationNotAllowed", "Operation could not be completed as it results in "
                     "exceeding approved Total Regional Cores quota."),
            "Total Regional Cores", "the subscription's own quota",
        ),
        (
            provider("SubnetIsFull", "Subnet S with address prefix 10.0.0.0/24 does not have "
                     "enough capacity for 1 IP addresses."),
            "SubnetIsFull", "too few free addresses",
        ),
        (
            provider("DeploymentFailed", "see details", details=[
                {"code": "SkuNotAvailable", "message": "not in westeurope"}]),
            "SkuNotAvailable: not in westeurope", "none of this vmSize for you",
        ),
        ([(PROVIDER, '{"error": {"code": "ZonalAllo')], '"ZonalAllo', "no such machines free"),
        ([(PROVIDER, "[" * 50_000)], "[[[", "no such machines free"),
        ([], DESIRED, "no such machines free"),
    ],
)  # fmt: skip
def test_the_reason_inside_decides_what_helps(
    values: list[tuple[str, str]], said: str, help_: str
) -> None:
    text = describe_resize_error("AllocationFailed", DESIRED, values)
    assert said in text
    assert help_ in text
    assert "Truncated" not in text
    assert len(text) < 800


def test_a_quota_of_the_account_is_not_taken_for_the_subscriptions() -> None:
    text = describe_resize_error("AccountCoreQuotaReached", "quota", [("Reason", "core quota")])
    assert "the Batch account's core quota" in text
    assert "subscription" not in text


@pytest.mark.parametrize(
    ("code", "help_"),
    [
        ("ContainerInvalidImage", "AcrPull"),
        ("DiskFull", "reimage"),
        ("BatchAgentInstallationFailure", "node agent"),
        ("ApplicationPackageError", "application packages"),
    ],
)
def test_an_error_of_a_node_has_a_remedy_and_no_secret(code: str, help_: str) -> None:
    values = [("Message", "pull of https://x/y?sig=U0VDUkVU failed, password=SECRET")]
    text = describe_node_error(code, "One or more are invalid", values)
    assert help_ in text
    assert "SECRET" not in text
    assert "U0VDUkVU" not in text
    assert describe_node_error(None, None) == "error:"


def health(pool: dict[str, Any], *nodes: dict[str, Any]) -> Any:
    """The health of a pool that the service answers with these fields, read by the SDK's models."""

    def get_pool(_: str, **_more: Any) -> models.BatchPool:
        return models.BatchPool({"id": "p", **pool})

    def list_nodes(_: str, select: list[str]) -> list[models.BatchNode]:
        return [models.BatchNode(node) for node in nodes]

    client: Any = SimpleNamespace(get_pool=get_pool, list_nodes=list_nodes)
    return pool_health(client, "p")


FAILED: dict[str, Any] = {
    "code": "AllocationTimedout",
    "message": "no",
    "values": [{"name": "A", "value": "b"}],
}


def test_an_error_of_a_resize_that_is_over_is_not_told() -> None:
    short = {"targetDedicatedNodes": 2, "currentDedicatedNodes": 1, "resizeErrors": [FAILED]}
    (trouble,) = health(short).troubles
    assert trouble.startswith("AllocationTimedout: no A: b (Azure found no machines in time")
    assert health({**short, "currentDedicatedNodes": 2}).troubles == ()
    idle = {"targetDedicatedNodes": 0, "currentDedicatedNodes": 0, "resizeErrors": [FAILED]}
    assert health(idle).troubles == ()
    spot = {"targetLowPriorityNodes": 3, "currentLowPriorityNodes": 0, "resizeErrors": [FAILED]}
    assert len(health(spot).troubles) == 1


def test_a_formula_that_failed_is_told() -> None:
    error = {"code": "AutoScaleFormulaEvaluationError", "message": "x is not defined"}
    run = {"timestamp": "2026-01-01T00:00:00Z", "error": error}
    (trouble,) = health({"autoScaleRun": run}).troubles
    assert trouble == "autoscale AutoScaleFormulaEvaluationError: x is not defined"


def test_a_node_that_is_unusable_without_an_error_is_explained() -> None:
    found = health({}, {"id": "n", "state": "unusable"}, {"id": "m", "state": "idle"})
    ((text, count),) = found.errors.items()
    assert count == 1
    assert "cannot reach the node's agent" in text
