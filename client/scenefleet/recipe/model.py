"""The recipe, as typed values: units and defaults beside each key; unknown keys are errors."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self, cast

from pydantic import Field, StringConstraints, field_validator, model_validator

from scenefleet.inputs import cut
from scenefleet.recipe import check
from scenefleet.recipe.collections import CollectionPart
from scenefleet.recipe.part import Part, refuse
from scenefleet.recipe.process import Process
from scenefleet.recipe.published import PublishedPart
from scenefleet.recipe.resources import Resources
from scenefleet.recipe.search import Search

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
"""Lower-case letters, digits and hyphens, 40 at most: it becomes part of Batch ids and paths."""

_POOL_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""Source: https://learn.microsoft.com/rest/api/batchservice/pools/create-pool."""


class OutputPart(Part):
    """Where results go."""

    store: str = "./results"
    """A folder (relative to the recipe), or `az://account/container/prefix`."""
    dtype: Literal["int16", "float32"] = "int16"
    """Of the outputs' rasters. int16 holds values from -3.2767 to 3.2767 in steps of 0.0001, and
    kelvin from -655 to 655 in steps of 0.02; float32 holds any."""
    stacked: bool = False
    """One file with a band for each output, in place of one file an output."""
    compression: Literal["zstd", "deflate"] = "zstd"
    """Of the outputs' tiles. zstd costs a fourth of deflate to write, and is read by GDAL since 2.3
    (2018) and all that is built on it; deflate is read by everything."""

    collection: PublishedPart = PublishedPart()
    """What the product's STAC collection says of itself: title, licence and the like."""

    @field_validator("store")
    @classmethod
    def _unsigned(cls, value: str) -> str:
        if "?" in value and value.startswith(("az://", "http")):
            raise ValueError(
                "an address with a query, as a SAS is, must not stand in a recipe; write "
                "az://account/container/prefix and give the credential by settings or `az login`"
            )
        no_container = (
            value.startswith("az://") and not value.removeprefix("az://").partition("/")[2]
        )
        other = "://" in value and not value.startswith("az://")
        if not value.strip() or no_container or other:
            raise ValueError(f"{value!r}: a store is a folder or az://account/container/prefix")
        return value


class PoolId(Part):
    """A pool that is in the Batch account already; runs use it and change nothing of it."""

    id: Annotated[str, StringConstraints(pattern=f"^{_POOL_ID.pattern}$")]
    """As the account has it: letters, digits, hyphens and underscores, 64 at most."""


class Compute(Part):
    """Where the run computes: backend, pool and limits."""

    backend: Literal["local", "azure"] = "local"
    pool: str | PoolId = "spot"
    """A pool template: `spot`, `dedicated`, or a path of a `*.pool.json`; or `{id: my-pool}` for a
    pool that others made. Local runs use this machine instead."""
    image: str | None = None
    """The task's container image on Azure, best pinned by digest; default: the setting
    `azure.image`."""
    max_nodes: Annotated[int, Field(ge=1, le=10_000)] = 20
    """The pool grows to so many nodes at most."""
    slots: Annotated[int, Field(ge=1, le=256)] | None = None
    """Tasks at once on this machine for local runs; default: its cores by `resources.threads`, as
    far as its memory goes."""
    retries: Annotated[int, Field(ge=0, le=10)] = 1
    """Further attempts at a task that failed, where the failure may pass: a source or a store that
    cannot be reached, a process that was killed."""
    task_minutes: Annotated[int, Field(ge=1, le=10_080)] = 60
    """A task that runs longer is ended as failed."""
    max_hours: Annotated[float, Field(gt=0, le=160)] = 24
    """The run is ended after so many hours, and the nodes' permission to write with it."""
    give_up_minutes: Annotated[float, Field(gt=0, le=1440)] = 15
    """Minutes for which nodes may be paid for while none of them can work, before a client that
    watches ends the run."""
    stop_after: Annotated[int, Field(ge=0, le=1_000_000)] | None = 20
    """A client that watches ends the run after so many failures of one kind in a row, if at least
    half of the tasks that ended failed in that way; 0 or null: never."""

    @field_validator("pool", mode="before")
    @classmethod
    def _template_or_id(cls, value: object) -> object:
        """Reads the two forms here: a union of models would tell each mistake twice."""
        if isinstance(value, str | PoolId):
            return value
        if isinstance(value, dict):
            given = cast("dict[object, object]", value)
            name = given.get("id")
            if set(given) == {"id"} and isinstance(name, str) and _POOL_ID.fullmatch(name):
                return PoolId(id=name)
        raise ValueError(
            f"{cut(repr(cast('object', value)))} was given: write a template (spot, dedicated, or "
            "the path of a *.pool.json), or {id: my-pool} for a pool that is in the account: "
            "letters, digits, hyphens, underscores, 64 at most, in quotes if they are digits alone"
        )


class Budget(Part):
    """What it may cost. Currency is the user's own."""

    max_cost: Annotated[float, Field(ge=0)] | None = None
    """A run whose estimate is higher is refused."""
    node_price: Annotated[float, Field(gt=0)] | None = None
    """What one node costs an hour; scenefleet knows no price list, so the estimate needs it."""

    @model_validator(mode="after")
    def _priced(self) -> Self:
        if self.max_cost is not None and self.node_price is None:
            text = "`max_cost` needs `node_price`, what one node of the pool costs an hour"
            refuse([(("max_cost",), text)])
        return self


class Recipe(Part):
    """What the user asks for."""

    version: Literal[1]
    name: Name
    """Names the product and its runs: lower-case letters, digits and hyphens."""
    search: Search
    process: Process = Process()
    output: OutputPart = OutputPart()
    collections: dict[str, CollectionPart] = Field(default={})
    """Describes collections that scenefleet does not know, by their id."""
    compute: Compute = Compute()
    resources: Resources = Resources()
    budget: Budget = Budget()

    def to_yaml(self) -> str:
        """Returns the recipe as YAML that reads back equal.

        Every default is written out, and area and script stand in it: it needs no file beside it.
        """
        from scenefleet.recipe.read import resolved

        return resolved(self)

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.process.clip and self.search.area is None:
            text = "`process.clip` needs `search.area` or `search.bbox` to clip to"
            refuse([(("process", "clip"), text)])
        refuse(
            [
                *check.outputs(self.process),
                *check.stack(self.name, stacked=self.output.stacked),
                *check.formulas(self.process, self.collections),
                *check.constants(self.process, self.collections),
                *check.described(self.search, self.process, self.collections),
            ]
        )
        return self
