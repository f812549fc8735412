"""Checks of settings and addresses before anything is searched or spent on Azure."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from scenefleet.errors import FleetError
from scenefleet.fleet.choice import choose_pool
from scenefleet.fleet.connection import azure_connection
from scenefleet.recipe import RecipeFile
from scenefleet.settings import Settings
from scenefleet_task import spec
from scenefleet_task.reach import is_local_name


def check_azure(source: RecipeFile, settings: Settings) -> None:
    """Checks, before anything is searched or spent, that a run on Azure has all it needs.

    Raises:
        NotAuthorisedError: if a setting is missing.
        FleetError: if the pool's template or image is, or nodes could not reach the store.
    """
    settings.need(*missing_settings(settings))
    azure_connection(settings)
    choose_pool(source, settings)
    store = source.recipe.output.store
    if not store.startswith("az://"):
        raise FleetError(
            f"{source.label}: `output.store: {store}` is a folder of this machine, which nodes on "
            "Azure cannot write to; write az://account/container/prefix"
        )


def missing_settings(settings: Settings) -> tuple[str, ...]:
    """Returns the keys of `[azure]` that any run on Azure needs and that are not there."""
    azure = settings.azure
    wanted = ["batch_endpoint"]
    if azure.batch_key is not None:
        wanted.append("batch_account")
    if (azure.identity_client_id is None) != (azure.identity_resource_id is None):
        # nodes sign in by the client id, and Batch gives a pool the identity by its resource id
        wanted += ["identity_client_id", "identity_resource_id"]
    return tuple(key for key in wanted if getattr(azure, key) is None)


def check_addresses(documents: Sequence[spec.TaskDocument], settings: Settings) -> None:
    """Checks that nodes on Azure can reach what they are to read.

    Raises:
        FleetError: names the first scene that lies on this machine.
    """
    if is_local_name(urlsplit(azure_connection(settings).endpoint).hostname or ""):
        return  # an emulator, whose nodes are here as well
    for document in documents:
        for source in (one for part in document.parts for one in spec.sources(part)):
            parts = urlsplit(source.href)
            if parts.scheme not in ("http", "https") or is_local_name(parts.hostname or ""):
                raise FleetError(
                    f"{document.source.id}: its {source.asset} lies on this machine, where nodes "
                    "on Azure cannot read it; search a catalogue whose files are on the web"
                )
