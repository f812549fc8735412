"""`doctor` asks Azure Resource Manager for quotas: the emulator stands in for it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from arm_client import SUBSCRIPTION, Arm, arm, fixed, machine, properties, until
from own_ca import make
from scenefleet.cli.health import Check, examine

Look = Callable[..., dict[str, Check]]


@pytest.fixture(scope="module")
def azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arm]:
    with arm(make(tmp_path_factory.mktemp("tls"))) as made:
        yield made


@pytest.fixture
def look(azure: Arm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Look:
    """What `doctor` finds for a recipe on the emulator's account, by the name of the check."""
    for name, value in azure.running.identity.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(azure.running.trust))

    def find(compute: str = "", **settings: str | None) -> dict[str, Check]:
        text = "version: 1\nname: a\nsearch: {catalog: none.json}\n"
        text += f"compute: {{backend: azure{compute}}}\n"
        (tmp_path / "recipe.yaml").write_text(text)
        given: dict[str, str | None] = {
            "batch_endpoint": azure.running.endpoint,
            "batch_account": azure.running.account,
            "batch_key": azure.running.key,
            "resource_manager": azure.running.endpoint,
            "image": "i",
            **settings,
        }
        lines = [f"{name} = {json.dumps(one)}" for name, one in given.items() if one is not None]
        (tmp_path / "settings.toml").write_text("\n".join(["[azure]", *lines]))
        checks = examine(tmp_path / "recipe.yaml", tmp_path / "settings.toml")
        return {check.name: check for check in checks}

    return find


def test_quotas_and_what_the_recipe_needs_are_shown(look: Look) -> None:
    found = look(", max_nodes: 3")
    assert found["batch"].verdict == "ok"
    assert found["quota"].text == (
        "dedicated cores: 0 of 500 in use; Spot cores: 0 of 500; pools: 0 of 100; active jobs: "
        "0 of 300"
    )
    assert (found["need"].verdict, found["need"].code) == ("ok", 0)
    assert "at most 12 Spot cores (3 nodes) of STANDARD_D4DS_V5" in found["need"].text


def test_what_others_use_is_counted_and_too_little_is_said(azure: Arm, look: Look) -> None:
    azure.put("theirs", properties=machine(scaleSettings=fixed(0, 2)))
    until(lambda: properties(azure, "theirs")["currentLowPriorityNodes"] == 2)
    azure.running.admin.set_quotas(low_priority_cores=16)
    try:
        found = look(", max_nodes: 3")
        assert "Spot cores: 8 of 16; pools: 1 of 100" in found["quota"].text
        assert (found["need"].verdict, found["need"].code) == ("note", 0)
        assert "the quota of Spot cores allows 2 of 3 nodes" in found["need"].text
        azure.running.admin.set_quotas(low_priority_cores=0)
        found = look(", max_nodes: 3")
        assert (found["need"].verdict, found["need"].code) == ("wrong", 1)
        # a pool that others made is weighed as the service has it
        found = look(", pool: {id: theirs}", image=None)
        assert "at most 8 Spot cores (2 nodes) of STANDARD_D4S_V5" in found["need"].text
    finally:
        azure.running.admin.set_quotas(low_priority_cores=None)


def test_without_a_sign_in_doctor_says_so_and_goes_on(
    look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IDENTITY_HEADER", "wrong")
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "ManagedIdentityCredential")
    found = look()
    assert (found["quota"].verdict, found["quota"].code) == ("note", 0)
    assert "could not be asked: no sign-in to Microsoft Entra ID" in found["quota"].text
    assert found["batch"].verdict == "ok"


def test_without_rights_doctor_says_which_role_it_takes(azure: Arm, look: Look) -> None:
    azure.running.admin.fail_requests(403, "AuthorizationFailed", path="/subscriptions", times=1)
    found = look()["quota"]
    assert (found.verdict, found.code) == ("note", 0)
    assert "403 AuthorizationFailed: this sign-in takes the role Reader" in found.text


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"resource_manager": None}, "not told by an emulator"),
        ({"resource_manager": "http://127.0.0.1:1"}, "begins with https://"),
        ({"resource_manager": "https://127.0.0.1:9"}, "cannot be reached"),
        ({"subscription_id": SUBSCRIPTION.replace("1", "9")}, "404 SubscriptionNotFound"),
    ],
)
def test_what_cannot_be_asked_is_a_note(look: Look, settings: dict[str, str], says: str) -> None:
    found = look(**settings)["quota"]
    assert (found.verdict, found.code) == ("note", 0)
    assert says in found.text


def test_one_subscription_is_enough(look: Look) -> None:
    assert look(subscription_id=SUBSCRIPTION)["quota"].verdict == "ok"
