"""What `doctor` looks at: each check is one thing, tried for real."""

from __future__ import annotations

import importlib
import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from scenefleet import __version__
from scenefleet.cli.options import desk_of, read_settings
from scenefleet.cli.show import count
from scenefleet.cli.waiting import waiting, waiting_for_catalogue
from scenefleet.errors import NotAuthorisedError, ScenefleetError
from scenefleet.recipe import RecipeFile, read_recipe
from scenefleet.settings import Settings

if TYPE_CHECKING:
    from scenefleet.fleet import Weighed

_PACKAGES = ("numpy", "rasterio", "pystac_client", "planetary_computer", "azure.storage.blob")
_FREE = 2e9
"""Bytes of disk that a run on this machine should have: a full scene's files take up to 1 GB."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    verdict: Literal["ok", "note", "wrong"]
    text: str
    code: int
    """The exit code that it asks for; 0 unless something is wrong."""


NAMES = (
    *("scenefleet", "packages", "disk", "emulator", "settings"),
    *("recipe", "catalogue", "store", "tasks", "batch", "quota", "need"),
)
"""Of all checks there may be."""
VERDICTS = ("ok", "note", "wrong")


def examine(recipe: Path | None, settings_path: Path | None) -> Iterator[Check]:
    """Yields each check as soon as it is made, in the order in which a run would meet them."""
    yield _try("scenefleet", _version)
    yield _try("packages", _packages)
    yield _try("disk", _disk)
    yield _try("emulator", _emulator)
    read: list[RecipeFile] = []
    found = None if recipe is None else _try("recipe", lambda: _recipe(recipe, read))
    source = read[0] if read else None
    settings: list[Settings] = []
    yield _try("settings", lambda: _settings(settings_path, settings, source))
    if found is not None:
        yield found
    if source is not None and settings:
        yield from _of_recipe(source, settings[0])


def _of_recipe(source: RecipeFile, settings: Settings) -> Iterator[Check]:
    yield _try("catalogue", lambda: _catalogue(source))
    yield _try("store", lambda: _store(source, settings))
    if source.recipe.compute.backend == "local":
        yield _try("tasks", lambda: _tasks(source, settings))
        return
    batch = _try("batch", lambda: _batch(source, settings))
    yield batch
    if batch.verdict != "wrong":
        yield from _quotas(source, settings)


def _quotas(source: RecipeFile, settings: Settings) -> list[Check]:
    """What the account may have, and whether the recipe's pool fits; a note where none tells."""
    from scenefleet.fleet import ask_account

    try:
        with waiting("Azure Resource Manager", "the account's quotas"):
            account = ask_account(settings)
    except ScenefleetError as error:
        return [Check("quota", "note", f"Azure Resource Manager could not be asked: {error}", 0)]
    if account is None:
        return [Check("quota", "note", "not told by an emulator without `resource_manager`", 0)]
    found: list[Weighed] = []
    failed = _try("quota", lambda: _weigh(source, settings, account, found))
    if not found:
        return [failed]
    verdict = found[0].verdict
    word = "ok" if verdict.fits else "note" if verdict.possible else "wrong"
    return [failed, Check("need", word, verdict.text, 0 if verdict.possible else 1)]


def _weigh(
    source: RecipeFile, settings: Settings, account: dict[str, Any], found: list[Weighed]
) -> str:
    from scenefleet.fleet import choose_pool, join_fleet

    choice = choose_pool(source, settings)
    with (
        waiting("the Batch account", "what it uses"),
        join_fleet("azure", settings, key="") as fleet,
    ):
        assert fleet is not None
        most = source.recipe.compute.max_nodes
        found.append(fleet.weigh(choice, account, max_nodes=most))
    return found[0].quotas


def _try(name: str, look: Callable[[], str | Check]) -> Check:
    try:
        found = look()
    except ScenefleetError as error:
        return Check(name, "wrong", str(error), error.exit_code)
    except ImportError as error:
        return Check(name, "wrong", f"{error}; install scenefleet again", 1)
    return found if isinstance(found, Check) else Check(name, "ok", found, 0)


def _version() -> str:
    return f"{__version__}, Python {platform.python_version()} at {sys.executable}"


def _packages() -> str:
    with waiting("packages", "importing them") as wait:
        for name in _PACKAGES:
            wait.now("packages", f"importing {name}")
            importlib.import_module(name)
    return f"{', '.join(_PACKAGES)} import"


def _disk() -> Check:
    free = shutil.disk_usage(Path.cwd()).free
    text = f"{free / 1e9:.0f} GB free in this folder, {os.cpu_count()} cores"
    return Check("disk", "ok" if free > _FREE else "note", text, 0)


def _emulator() -> str:
    from scenefleet.fleet.connection import connect, told
    from scenefleet.fleet.local import emulator

    with (
        waiting("the emulator", "starting it"),
        emulator(slots=1) as connection,
        connect(connection) as client,
    ):
        with told("listing the emulator's pools"):
            pools = list(client.list_pools())
        return f"starts and answers at {connection.endpoint} ({len(pools)} pools)"


def _settings(path: Path | None, found: list[Settings], source: RecipeFile | None) -> Check:
    settings = read_settings(path)
    found.append(settings)
    azure = source is not None and source.recipe.compute.backend == "azure"
    if azure:
        from scenefleet.fleet import missing_settings

        if missing := missing_settings(settings):
            return Check("settings", "wrong", settings.lack(missing), NotAuthorisedError.exit_code)
    given = sorted(key for key, value in settings.azure if value is not None)
    unneeded = "nothing set" if azure else "nothing set; not needed for runs on this machine"
    keys = ", ".join(given) or unneeded
    if settings.path.exists() and given and settings.path.stat().st_mode & 0o077:
        text = f"{settings.path}: others may read it, and it may hold keys: chmod 600 it"
        return Check("settings", "note", text, 0)
    there = "" if settings.path.exists() else " (there is no such file)"
    return Check("settings", "ok", f"{settings.path}{there}: {keys}", 0)


def _recipe(path: Path, found: list[RecipeFile]) -> str:
    found.append(read_recipe(path))
    return f"{path}: {found[0].recipe.name}"


def _catalogue(source: RecipeFile) -> str:
    from scenefleet.catalog import search

    query = source.recipe.search.model_copy(update={"limit": 1})
    with waiting_for_catalogue(query.catalog) as patience:
        result = search(query, base=source.base, patience=patience)
    return f"{query.catalog} answers; {'a scene' if result.items else 'no scene'} matches"


def _store(source: RecipeFile, settings: Settings) -> str:
    store = desk_of(source, settings).store
    with waiting(f"the store {store.address}"):
        store.prepare()
    return f"{store.address} can be written"


def _tasks(source: RecipeFile, settings: Settings) -> Check:
    from scenefleet.fleet import choose_pool

    choice = choose_pool(source, settings)
    text = f"{choice.slots} at once here, {_each(source)}"
    return _noted("tasks", text, choice.note)


def _each(source: RecipeFile) -> str:
    given = source.recipe.resources
    return f"{given.memory} and {count(given.threads, 'thread')} each"


def _noted(name: str, text: str, note: str | None) -> Check:
    return Check(name, "note" if note else "ok", f"{text}; {note}" if note else text, 0)


def _batch(source: RecipeFile, settings: Settings) -> Check:
    from scenefleet.fleet import choose_pool, join_fleet, missing_settings

    choice = choose_pool(source, settings)
    if missing := missing_settings(settings):
        keys = " and ".join(f"`{key}`" for key in missing)
        text = f"not asked, since the settings lack {keys}"
        return Check("batch", "wrong", text, NotAuthorisedError.exit_code)
    endpoint = urlsplit(str(settings.azure.batch_endpoint)).hostname
    with (
        waiting(endpoint or "the Batch account", "its pools, and the sign-in"),
        join_fleet("azure", settings, key="") as fleet,
    ):
        assert fleet is not None
        if choice.existing is not None:
            choice = fleet.read_pool(choice)
        else:
            fleet.check_image(choice)
        there = fleet.pool_slots(choice.id)
    text = (
        f"the account answers; pool {choice.id} {'will be made' if there is None else 'exists'}, "
        f"{count(there or choice.slots, 'task')} at once on a node, {_each(source)}"
    )
    if there is not None and there > choice.slots:
        text += f", of which {choice.slots} have room: a run will be refused"
    return _noted("batch", text, choice.note)
