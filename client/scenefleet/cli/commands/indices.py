"""`scenefleet indices`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from scenefleet.cli.cells import wrap
from scenefleet.cli.completion import index_domains, index_names, known_collections
from scenefleet.cli.narrow import put_fitting, width
from scenefleet.cli.options import json_option
from scenefleet.cli.show import put_json, say

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scenefleet.recipe import NamedIndex

_MARK = "*"
"""After the bands of an index that no known collection offers."""


@click.command(epilog="Example:  scenefleet indices --domain water --collection landsat-c2-l2")
@click.argument("names", metavar="[NAME]...", nargs=-1, shell_complete=index_names)
@click.option(
    "--domain",
    shell_complete=index_domains,
    help="Only of this domain: vegetation, water, burn, snow, soil ...",
)
@click.option(
    "--collection",
    shell_complete=known_collections,
    help="Only those whose bands this collection offers.",
)
@json_option
def command(
    names: tuple[str, ...], domain: str | None, collection: str | None, *, as_json: bool
) -> None:
    """List the indices that recipes may name, or show some: formula, bands, constants, source.

    They are those of Awesome Spectral Indices. Upper and lower case count only where two names
    differ by nothing else.
    """
    wanted = [name for word in names for name in word.split(",") if name]
    if not wanted:
        _list(domain, collection, as_json=as_json)
        return
    if domain or collection:
        from scenefleet.errors import UsageError

        raise UsageError("--domain and --collection choose from the list; leave NAME out")
    found = [_find(name) for name in wanted]
    if as_json:
        told = [_told(index) for index in found]
        put_json(told[0] if len(told) == 1 else told)
        return
    for index in found:
        _show(index)


def _list(domain: str | None, collection: str | None, *, as_json: bool) -> None:
    from scenefleet.recipe import known
    from scenefleet.recipe.bands import OFFERS, offered_by

    indices = sorted(known().values(), key=lambda index: (index.name.lower(), index.name))
    if domain is not None:
        _check("--domain", domain, {index.domain for index in indices})
        indices = [index for index in indices if index.domain == domain]
    if collection is not None:
        _check("--collection", collection, OFFERS)
        offer = OFFERS[collection]
        indices = [index for index in indices if set(index.bands) <= set(offer)]
    if as_json:
        put_json([_told(index) for index in indices])
        return
    without = {index.name for index in indices if not offered_by(index.bands)}
    marks = dict.fromkeys(without, f" {_MARK}")
    rows = [(i.name, i.domain, " ".join(i.bands) + marks.get(i.name, ""), i.title) for i in indices]
    put_fitting(("name", "domain", "bands", "title"), rows, spare=(1, 2))
    say(f"{len(indices)} {'index' if len(indices) == 1 else 'indices'}")
    if without:
        say(
            f"{_MARK} marks {len(without)} with bands that no collection has which scenefleet "
            "knows; describe one that has them under `collections`"
        )


def _show(index: NamedIndex) -> None:
    from scenefleet.recipe import spectral

    told = _told(index)
    constants = [
        f"{name} = {_default(name, value)}  {spectral.constant_table()[name]['description']}"
        f"{_paper(index, name)}"
        for name, value in index.constants.items()
    ]
    rows = {
        "title": [index.title],
        "domain": [index.domain],
        "formula": [told["formula"]],
        "bands": [", ".join(index.bands)],
        "constants": constants or ["none"],
        "collections": [", ".join(told["collections"]) or _nobody()],
        "reference": [index.reference],
        **({"refused": [told["refused"]]} if told["refused"] else {"in a recipe": _recipe(index)}),
    }
    click.echo(index.name)
    most = width()
    for key, lines in rows.items():
        label = f"  {key:<13}"
        for line in lines:
            pieces = wrap(line, most - len(label)) if most else [line]
            for piece in pieces:
                click.echo(f"{label}{piece}")
                label = " " * len(label)


def _recipe(index: NamedIndex) -> list[str]:
    """The lines below `process:`; a constant is shown where one must, or may, be set."""
    from scenefleet.recipe.indices import PAPERS

    lines = ["process:", f"  indices: [{index.name}]"]
    if index.constants:
        name = next(iter((*index.missing, *index.constants)))
        value, _ = PAPERS.get((index.name, name), (index.constants[name], ""))
        number = "..." if value is None else f"{value:g}"
        need = "" if name in index.missing else "  # in place of the default"
        lines.append(f"  constants: {{{index.name}: {{{name}: {number}}}}}{need}")
    return lines


def _paper(index: NamedIndex, constant: str) -> str:
    """What the paper takes where the tables' default is another."""
    from scenefleet.recipe.indices import PAPERS

    _, words = PAPERS.get((index.name, constant), (None, ""))
    return f"; that is the tables' default, while {words}" if words else ""


def _default(name: str, value: float | None) -> str:
    from scenefleet.recipe import spectral

    if value is not None:
        return f"{value:g}"
    return "of the platform" if spectral.wavelength_letter(name) else "no default: set it"


def _nobody() -> str:
    return "none that scenefleet knows; describe one that has these bands under `collections`"


def _told(index: NamedIndex) -> dict[str, Any]:
    from scenefleet.recipe.bands import offered_by
    from scenefleet.recipe.indices import PAPERS
    from scenefleet.recipe.units import unit_problem
    from scenefleet_task import formula

    return {
        "name": index.name,
        "title": index.title,
        "domain": index.domain,
        "formula": formula.write(index.formula),
        "bands": index.bands,
        "constants": dict(index.constants),
        "papers": {
            constant: {"value": value, "note": words}
            for (name, constant), (value, words) in PAPERS.items()
            if name == index.name
        },
        "collections": offered_by(index.bands),
        "reference": index.reference,
        "refused": unit_problem(index),
    }


def _find(name: str) -> NamedIndex:
    from scenefleet.errors import UsageError
    from scenefleet.recipe import find_index

    try:
        return find_index(name)
    except ValueError as error:
        raise UsageError(str(error)) from None


def _check(option: str, given: str, allowed: Iterable[str]) -> None:
    from scenefleet.errors import UsageError
    from scenefleet.recipe.part import near

    if given not in allowed:
        raise UsageError(
            f"{option} {given!r} is unknown{near(given, allowed)} allowed are "
            f"{', '.join(sorted(allowed))}"
        )
