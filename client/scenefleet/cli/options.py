"""Options that several verbs share, and the values they become."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from scenefleet.cli.completion import folders, recipes, runs_or_recipes
from scenefleet.cli.show import say

if TYPE_CHECKING:
    from scenefleet.recipe import RecipeFile
    from scenefleet.run import Run
    from scenefleet.settings import Settings
    from scenefleet.store import Store

DEFAULT_RECIPE = Path("recipe.yaml")
_STORE = Path("results")
"""The store of a recipe that names none."""


class Choice(click.Choice[str]):
    """One of some words; of others it says which was likely meant."""

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:  # noqa: ANN401, ARG002 - click's
        """What is allowed, and the word nearest to what was given."""
        from scenefleet.recipe.part import near

        allowed = [str(one) for one in self.choices]
        hint = near(str(value), allowed)
        return f"{value!r} is unknown{hint} allowed are {', '.join(allowed)}"


settings_option = click.option(
    "--settings",
    "settings_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Settings file [default: the user's own; see `scenefleet doctor`].",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
radiometry_option = click.option(
    "--radiometry",
    type=Choice(["trust", "check", "refuse"]),
    help="Where metadata leave open what numbers mean: trust them, check by pixels, or refuse the "
    "scene [default: the recipe's `process.radiometry`, else check].",
)


@dataclass(frozen=True, slots=True)
class Desk:
    """A store and the settings that open it."""

    store: Store
    settings: Settings
    source: RecipeFile | None = None
    """The recipe that the store was found by, if it was."""


def recipe_argument(function: Callable[..., None]) -> Callable[..., None]:
    """`[RECIPE]`, or `--recipe` as verbs about runs have it: gives a verb the file."""

    @functools.wraps(function)
    def found(recipe: Path | None, named: Path | None, **rest: Any) -> None:  # noqa: ANN401 - the verb's own options
        if recipe is not None and named is not None:
            from scenefleet.errors import UsageError

            raise UsageError(f"{recipe} and --recipe {named}: name one recipe")
        function(recipe=recipe or named or DEFAULT_RECIPE, **rest)

    path = click.Path(path_type=Path, dir_okay=False)
    argument = click.argument("recipe", type=path, required=False, shell_complete=recipes)
    option = click.option(
        *("-r", "--recipe", "named"),
        type=path,
        shell_complete=recipes,
        help=f"The recipe, in place of the argument [default: {DEFAULT_RECIPE}].",
    )
    return argument(option(found))


def read_settings(path: Path | None) -> Settings:
    """The settings of a file and of this process's environment."""
    from scenefleet.settings import read_settings as read

    return read(path, os.environ)


def desk_of(source: RecipeFile, settings: Settings) -> Desk:
    """The recipe's store, opened."""
    from scenefleet.store import open_store

    address = source.recipe.output.store
    return Desk(open_store(address, base=source.base, settings=settings), settings, source)


def find_desk(recipe: Path | None, address: str | None, settings_path: Path | None) -> Desk:
    """The store that a verb about a run means.

    Raises:
        UsageError: if nothing says which store is meant.
    """
    from scenefleet.errors import UsageError
    from scenefleet.recipe import read_recipe
    from scenefleet.store import open_store

    settings = read_settings(settings_path)
    if address is not None:
        if "?" in address or (":/" in address and not address.startswith("az://")):
            # not repeated here: what follows may be a signature
            raise UsageError("--store: write a folder, or az://account/container/prefix")
        if "://" not in address and not Path(address).expanduser().is_dir():
            raise UsageError(f"--store {address}: there is no such folder")
        return Desk(open_store(address, base=Path(), settings=settings), settings)
    if recipe is None and not DEFAULT_RECIPE.exists():
        if (_STORE / "runs").is_dir():  # the store of a recipe that names none
            say(f"note: there is no {DEFAULT_RECIPE} here; the store ./{_STORE} is meant")
            return Desk(open_store(str(_STORE), base=Path(), settings=settings), settings)
        raise UsageError(_no_recipe())
    return desk_of(read_recipe(recipe or DEFAULT_RECIPE), settings)


def _no_recipe() -> str:
    """What to say where no recipe is named and none has the usual name."""
    there = sorted(path.name for end in ("yaml", "yml") for path in Path().glob(f"*.{end}"))
    text = f"there is no {DEFAULT_RECIPE} here: name the recipe by --recipe FILE"
    if there:
        more = ", ..." if len(there) > 5 else ""
        text += f" (here {'is' if len(there) == 1 else 'are'} {', '.join(there[:5])}{more})"
    return f"{text}, or its store by --store ADDRESS"


def find_run(desk: Desk, run_id: str | None) -> Run:
    """The run that is named, or the newest: the recipe's, where the store was found by one.

    Raises:
        UsageError: if there is none.
    """
    from scenefleet.errors import UsageError
    from scenefleet.run import list_runs, load

    if run_id is not None:
        return load(desk.store, run_id)
    runs = list_runs(desk.store)
    if runs and desk.source is not None:
        name = desk.source.recipe.name
        newest = runs[0].id
        runs = [run for run in runs if run.name == name]
        if not runs:
            raise UsageError(
                f"{desk.store.address} holds no run of {name} yet; its newest is {newest}: name it "
                "if you mean that one"
            )
    if not runs:
        raise UsageError(
            f"{desk.store.address} holds no run yet; `scenefleet run recipe.yaml` makes one"
        )
    return runs[0]


def as_recipe(word: str | None, recipe: Path | None) -> tuple[str | None, Path | None]:
    """A run's id and a recipe, where a word may be either: what ends as a recipe does is one.

    Raises:
        UsageError: if a recipe is named twice.
    """
    if word is None or not word.lower().endswith((".yaml", ".yml")):
        return word, recipe
    if recipe is not None:
        from scenefleet.errors import UsageError

        raise UsageError(f"{word} and --recipe {recipe}: name one recipe")
    return None, Path(word)


def run_options(function: Callable[..., None]) -> Callable[..., None]:
    """`[RUN|RECIPE]`, `--recipe`, `--store`, `--settings`: gives a verb a `Desk` and a `Run`."""
    from scenefleet.cli.waiting import waiting

    @functools.wraps(function)
    def found(
        run_id: str | None,
        recipe: Path | None,
        address: str | None,
        settings_path: Path | None,
        **rest: Any,  # noqa: ANN401 - the verb's own options
    ) -> None:
        run_id, recipe = as_recipe(run_id, recipe)
        desk = find_desk(recipe, address, settings_path)
        with waiting(f"the store {desk.store.address}"):
            run = find_run(desk, run_id)
        function(desk, run, **rest)

    argument = click.argument(
        "run_id", metavar="[RUN|RECIPE]", required=False, shell_complete=runs_or_recipes
    )
    return argument(store_options(found))


def store_options(function: Callable[..., None]) -> Callable[..., None]:
    """`--recipe`, `--store` and `--settings`: which store is meant."""
    function = settings_option(function)
    function = click.option(
        "--store",
        "address",
        shell_complete=folders,
        help="The store: a folder or az://account/container/prefix [default: the recipe's].",
    )(function)
    return click.option(
        "-r",
        "--recipe",
        type=click.Path(path_type=Path, dir_okay=False),
        shell_complete=recipes,
        help=f"The recipe whose store is meant [default: {DEFAULT_RECIPE}].",
    )(function)
