"""A first day on which all goes wrong is told as docs/engineer.md shows it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from batch_emulator.admin.client import Admin
from first_day import RECIPE, Terminal, nodes_break, quota_is_hit, storage_refuses
from refusing_proxy import Refusal, of_nodes, proxy
from scenefleet.fleet.connection import Connection, connect

PAGE = Path(__file__).resolve().parents[2] / "docs/engineer.md"


class Role:
    """Whether the nodes may write."""

    def __init__(self) -> None:
        self.given = False

    def refuses(self, request: Any) -> bool:
        return not self.given and of_nodes(request)


@pytest.fixture
def role() -> Role:
    return Role()


@pytest.fixture
def terminal(on_azure: Any, azurite: Any, archive: Path, role: Role) -> Iterator[Terminal]:
    """A desk on Azure whose nodes have no role on the storage account yet."""
    refusal = Refusal(403, "AuthorizationPermissionMismatch", role.refuses)
    with proxy(azurite.blob_endpoint, refusal) as address:
        home = str(on_azure.folder / "home")
        environment = on_azure.environment | {
            "SCENEFLEET_AZURE_STORAGE_ENDPOINT": address,
            "HOME": home,
            "XDG_STATE_HOME": f"{home}/s",
        }
        text = RECIPE.format(
            catalogue=archive / "items.json", store="az://devstoreaccount1/firstday"
        )
        (on_azure.folder / "first.yaml").write_text(text)
        yield Terminal(on_azure.folder, environment)


def kind(line: str) -> str:
    """A line without what differs from one session to the next."""
    return re.sub(r"\S*\d\S*", "#", line).strip()


def shown() -> list[str]:
    """The lines of the page's session, without those that say that some are left out."""
    found = re.search(r"<!-- session -->\n```console\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert found, "docs/engineer.md has no session"
    return [line for line in found[1].splitlines() if line.strip() not in ("", "...")]


@pytest.mark.long
def test_a_first_day_on_which_all_goes_wrong(terminal: Terminal, role: Role, batch: Any) -> None:
    admin = Admin(batch.endpoint, batch.account, batch.key)
    storage_refuses(terminal)
    first = "\n".join(terminal.lines)
    assert "store_denied" in first
    assert "Storage Blob Data Contributor" in first
    assert "(compute.stop_after)" in first
    terminal.type("logs", "first.yaml", code=0)
    assert "AuthorizationPermissionMismatch" in "\n".join(terminal.lines[-30:])

    role.given = True
    with connect(Connection(batch.endpoint, batch.account, batch.key)) as client:
        nodes = len(list(client.list_nodes("scenefleet-spot")))
    nodes_break(terminal, admin, nodes)
    quota_is_hit(terminal, admin)
    (terminal.folder / "session.txt").write_text("\n".join(terminal.lines))

    kinds = iter([kind(line) for line in terminal.lines])
    for line in shown():
        assert kind(line) in kinds, f"not printed, or not in this order: {line}"
