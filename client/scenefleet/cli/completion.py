"""Completes words at a shell: runs, scenes, recipes and indices; quick, silent and without network.

A completion that fails offers nothing: a person in the middle of a line must not see an error. A
store on Azure is not asked.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from pathlib import Path
from typing import Any, ClassVar, Never, cast

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    add_completion_class,
    split_arg_string,
)

from scenefleet.inputs import read_text

VARIABLE = "_SCENEFLEET_COMPLETE"
"""The environment variable by which a shell asks for completions."""
SHELLS = ("bash", "zsh", "fish")
_RECIPE_BYTES = 200_000
"""A longer recipe is not read: its area would take too long to parse."""
_SECONDS = 0.2
"""A plan with more scenes than can be looked at in this time offers those that were."""
_MOST = 500
"""Words that are offered at most."""

Item = CompletionItem[str]
Complete = Callable[[click.Context, click.Parameter, str], list[Item]]


def complete(cli: click.Command) -> Never:
    """Answers a shell that asks for completions, then ends the process."""
    add_completion_class(Bash)
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        sys.stderr = nowhere
        try:
            cli.main(prog_name="scenefleet", complete_var=VARIABLE)
        except SystemExit as error:
            code = error.code if isinstance(error.code, int) else 0
        except BaseException:  # noqa: BLE001 - nothing is better than an error in a user's line
            code = 0
        else:
            code = 0
    os._exit(code)


def source(shell: str, cli: click.Command) -> str:
    """Returns the script that a shell reads once to complete scenefleet's words."""
    from click.shell_completion import get_completion_class

    add_completion_class(Bash)
    found = get_completion_class(shell)
    assert found is not None
    return found(cli, {}, "scenefleet", VARIABLE).source()


class Bash(BashComplete):
    """Completion for bash, which splits words at colons and quotes names of files if told so."""

    source_template: ClassVar[str] = """\
%(complete_func)s() {
    local IFS=$'\\n' response completion type value
    response=$(env COMP_LINE="${COMP_LINE:0:COMP_POINT}" COMP_WORDBREAKS="$COMP_WORDBREAKS" \\
        COMP_WORDS="${COMP_WORDS[*]}" COMP_CWORD=$COMP_CWORD \\
        %(complete_var)s=bash_complete "$1" 2>/dev/null)
    for completion in $response; do
        IFS=',' read -r type value <<< "$completion"
        case $type in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            path) compopt -o filenames; COMPREPLY+=("$value") ;;
            plain) COMPREPLY+=("$value") ;;
        esac
    done
}
complete -o nosort -F %(complete_func)s %(prog_name)s
"""

    def get_completion_args(self) -> tuple[list[str], str]:
        """Returns the words before the cursor and the one at it, as the user wrote them."""
        line = os.environ.get("COMP_LINE")
        if line is None:
            return super().get_completion_args()
        words = split_arg_string(line)
        if not line or line[-1].isspace():
            return words[1:], ""
        return words[1:-1], words[-1] if len(words) > 1 else ""

    def get_completions(self, args: list[str], incomplete: str) -> list[Item]:
        """Returns the completions without the part of the word that bash takes for another."""
        found = super().get_completions(args, incomplete)
        if "COMP_LINE" not in os.environ or incomplete.startswith("-"):
            return found
        breaks = os.environ.get("COMP_WORDBREAKS", "")
        split = max((incomplete.rfind(mark) for mark in ":=" if mark in breaks), default=-1) + 1
        if not split:
            return found
        return [CompletionItem(item.value[split:], type=item.type) for item in found]

    def format_completion(self, item: Item) -> str:
        """Returns a line for the script; a value of several lines cannot be typed."""
        return f"{item.type},{item.value}"


def _silent(complete: Complete) -> Complete:
    """A completion that offers nothing where it fails."""

    @wraps(complete)
    def found(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[Item]:
        try:
            items = complete(context, parameter, incomplete)
        except Exception:  # noqa: BLE001 - see the module's first lines
            return []
        return [item for item in items if "\n" not in item.value][:_MOST]

    return found


@_silent
def recipes(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[Item]:
    """Recipes, and folders that may hold some."""
    if not os.environ.get(VARIABLE, "").startswith("bash"):
        return [CompletionItem(incomplete, type="file")]
    folder, _, start = incomplete.rpartition("/")
    prefix = incomplete[: len(incomplete) - len(start)]
    place = Path(f"{folder}/").expanduser() if prefix else Path()
    names = (
        entry.name
        for entry in os.scandir(place)
        if entry.is_dir() or entry.name.lower().endswith((".yaml", ".yml"))
    )
    shown = (name for name in names if start or not name.startswith("."))
    return [
        CompletionItem(f"{prefix}{name}", type="path")
        for name in sorted(shown)
        if name.startswith(start)
    ]


@_silent
def folders(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[Item]:
    """Folders, as a store may be one."""
    return [CompletionItem(incomplete, type="dir")]


@_silent
def runs_or_recipes(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[Item]:
    """The ids of the store's runs, the newest first, and recipes."""
    return _runs(context, incomplete) + recipes(context, parameter, incomplete)


@_silent
def runs_then_scenes(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[Item]:
    """A run or a recipe, then a scene; or a scene of the newest run at once."""
    first = next(
        iter(cast("tuple[str, ...]", context.params.get(parameter.name or "") or ())), None
    )
    if first is not None:
        return _scenes(context, None if _is_recipe(first) else first, incomplete)
    return [
        *_runs(context, incomplete),
        *_scenes(context, None, incomplete),
        *recipes(context, parameter, incomplete),
    ]


@_silent
def scenes(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[Item]:
    """The scenes of the recipe's newest run."""
    return _scenes(context, None, incomplete)


@_silent
def index_names(
    _context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[Item]:
    """Indices, also after a comma; small letters for those who write small letters."""
    from scenefleet.recipe.spectral import index_table

    before, comma, word = incomplete.rpartition(",")
    names = list(index_table())
    lower = [name.lower() for name in names]
    if word == word.lower():
        names = [n if lower.count(n.lower()) > 1 else n.lower() for n in names]
    taken = {name.lower() for name in before.split(",")}
    matches = (n for n in sorted(names) if n.lower().startswith(word.lower()))
    return _plain(f"{before}{comma}{name}" for name in matches if name.lower() not in taken)


@_silent
def index_domains(
    _context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[Item]:
    """Domains of indices."""
    from scenefleet.recipe.spectral import index_table

    domains = {str(told["application_domain"]) for told in index_table().values()}
    return _plain(name for name in sorted(domains) if name.startswith(incomplete))


@_silent
def known_collections(
    _context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[Item]:
    """Collections whose bands scenefleet knows."""
    from scenefleet.recipe.bands import OFFERS

    return _plain(name for name in sorted(OFFERS) if name.startswith(incomplete))


def _plain(words: Iterable[str]) -> list[Item]:
    return [CompletionItem(word) for word in words]


def _is_recipe(word: str) -> bool:
    return word.lower().endswith((".yaml", ".yml"))


def _runs(context: click.Context, incomplete: str) -> list[Item]:
    store, _ = _store(context)
    if store is None:
        return []
    return _plain(name for name in _newest_first(store) if name.startswith(incomplete))


def _newest_first(store: Path) -> list[str]:
    """The ids of a store's runs."""
    times: dict[str, float] = {}
    for entry in os.scandir(store / "runs"):
        try:
            times[entry.name] = (Path(entry) / "run.json").stat().st_mtime
        except OSError:
            continue  # no run
    return sorted(times, key=lambda name: (-times[name], name))


def _scenes(context: click.Context, run: str | None, incomplete: str) -> list[Item]:
    """Ids of a run's scenes; of its tasks as well where one begins as the word does."""
    store, name = _store(context)
    if store is None:
        return []
    if run is None:
        newest = (one for one in _newest_first(store) if name is None or _is_of(one, name))
        run = next(newest)
    if "/" in run:
        return []
    items, tasks = list[str](), list[str]()
    for document in _documents(store / "runs" / run / "plan.jsonl", incomplete):
        item, task = str(document["source"]["id"]), str(document["id"])
        if item.startswith(incomplete):
            items.append(item)
        elif task.startswith(incomplete):
            tasks.append(task)
    return _plain(dict.fromkeys([*items, *tasks]))


def _is_of(run: str, name: str) -> bool:
    """Whether a run's id is made of a recipe's name."""
    return run.rpartition("-")[0] == name


def _documents(plan: Path, incomplete: str) -> Iterator[dict[str, Any]]:
    end, found = time.monotonic() + _SECONDS, 0
    with plan.open(encoding="utf-8") as lines:
        for line in lines:
            if incomplete in line:
                yield json.loads(line)
                found += 1
            if found >= _MOST or time.monotonic() > end:
                return


def _store(context: click.Context) -> tuple[Path | None, str | None]:
    """The folder of the store that is meant, and the recipe's name; None where it is no folder."""
    given = context.params
    if address := given.get("address"):
        return (None if "://" in address else Path(address).expanduser()), None
    words = (*map(given.get, ("recipe", "named", "run_id")), *(given.get("names") or ()))
    named = next((word for word in words if word and _is_recipe(str(word))), "recipe.yaml")
    import yaml

    path = Path(named).expanduser()
    value: Any = yaml.load(read_text(path, _RECIPE_BYTES), Loader=_loader())  # noqa: S506 - safe
    output = cast("dict[str, Any]", value.get("output") or {})
    address = str(output.get("store") or "./results")
    store = None if "://" in address else path.parent / Path(address).expanduser()
    return store, str(value.get("name"))


def _loader() -> Any:  # noqa: ANN401 - one of two classes
    import yaml

    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)
