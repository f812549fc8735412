"""One ground scene in both of Sentinel-2's forms, under true and lying metadata: equal or refused.

The truth is plain numpy on the ground's reflectance (`ground_scene.Ground.ndvi`), so that a number
misread by the offset of 1000 shows in nearly every pixel: median NDVI of clear land 0.5317, but
0.3404 with the offset left in.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

import ground_scene
from scenefleet.catalog import search
from scenefleet.errors import CatalogError
from scenefleet.plan import Plan, plan
from scenefleet.recipe import parse
from scenefleet_task.access import Unsigned
from scenefleet_task.failure import TaskError
from scenefleet_task.spec import Exit, TaskDocument
from to_folder import process

Need = Callable[[str], Path]
Json = dict[str, Any]
COLLECTIONS = "[sentinel-2-l2a, sentinel-2-c1-l2a]"


def read(path: Path) -> np.ndarray[Any, Any]:
    with rasterio.open(path) as source:
        return source.read(1)


def collect(path: Path, items: list[Json]) -> Path:
    path.write_text(json.dumps({"type": "FeatureCollection", "features": items}))
    return path


# --- every combination of signs


@dataclass(frozen=True)
class Signs:
    """What an item says, beside what its numbers are."""

    provider: str
    form: str
    baseline: str | None = None
    product: str | None = None
    offset: float | None = None
    flag: bool | None = None

    def item(self, name: str, files: Path) -> Json:
        return ground_scene.make_item(
            name,
            self.provider,
            files / self.form,
            baseline=self.baseline,
            product=self.product,
            offset=self.offset,
            flag=self.flag,
        )

    @property
    def votes(self) -> set[str]:
        """What the signs say; the flag is about this very file and goes before all."""
        if self.flag:
            return {"removed"}
        late = {"05.11": "carried", "0511": "carried", "02.14": "removed", "0214": "removed"}
        offsets = {-0.1: "carried", 0: "removed"}
        said = (
            late.get(self.baseline or ""),
            late.get(self.product or ""),
            offsets.get(self.offset),
        )
        return {vote for vote in said if vote}

    @property
    def clear(self) -> bool:
        """Whether the signs say one thing, be it true or not."""
        return len(self.votes) == 1 and self.offset != -0.7

    @property
    def lies(self) -> bool:
        """Whether they say one thing and it is not so."""
        return self.clear and self.votes != {self.form}


def all_signs() -> Iterator[Signs]:
    baselines, products = (None, "02.14", "05.11"), (None, "0214", "0511")
    offsets, flags = (None, -0.1, 0, -0.7), (None, True, False)
    for form in ("carried", "removed"):
        yield Signs("bare", form)
        for baseline, name in product(baselines, products):
            yield Signs("planetary-computer", form, baseline, name)
            for offset in offsets:
                yield Signs("earth-search-c1", form, baseline, name, offset)
                yield Signs("copernicus", form, baseline, name, offset)
                for flag in flags:
                    yield Signs("earth-search", form, baseline, name, offset, flag)


@pytest.fixture(scope="module")
def small(ground: Any) -> Any:
    """A part of the ground with enough lush fields to tell by; 150 x 150 pixels."""
    cut = (slice(0, 150), slice(150, 300))
    return ground_scene.Ground(red=ground.red[cut], nir=ground.nir[cut], scl=ground.scl[cut])


@dataclass
class Bench:
    """Items of every combination of signs by name, and how a mode plans and computes them."""

    folder: Path
    signs: dict[str, Signs]
    computed: dict[str, np.ndarray[Any, Any]] = field(default_factory=dict)
    plans: dict[str, Plan] = field(default_factory=dict)

    def plan(self, mode: str) -> Plan:
        if mode not in self.plans:
            self.plans[mode] = self._plan(mode)
        return self.plans[mode]

    def _plan(self, mode: str) -> Plan:
        recipe = parse(
            f"version: 1\nname: ndvi\nsearch: {{catalog: items.json, collections: {COLLECTIONS}}}\n"
            f"process: {{radiometry: {mode}}}",
            self.folder / "recipe.yaml",
        )
        found = search(recipe.search, base=self.folder)
        assert len(found.items) == len(self.signs)
        return plan(recipe, found.items)

    def signs_of(self, item: str) -> Signs:
        return self.signs[item.rpartition("_")[2]]

    def compute(self, document: TaskDocument) -> np.ndarray[Any, Any]:
        """NDVI; documents that differ in their words only are computed once."""
        (part,) = document.parts
        numbers = [(band.href, band.scale, band.offset, band.nodata) for band in part.bands]
        key = repr((numbers, part.check and (part.check.shift, part.check.said)))
        if key not in self.computed:
            folder = self.folder / document.id
            folder.mkdir(exist_ok=True)
            process(document, Unsigned(), folder)
            self.computed[key] = read(folder / "ndvi.tif")
        return self.computed[key]


@pytest.fixture(scope="module")
def bench(small: Any, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    folder = tmp_path_factory.mktemp("bench")
    files = small.write(folder / "files")
    signs = {f"case{n}": one for n, one in enumerate(all_signs())}
    collect(folder / "items.json", [one.item(name, files) for name, one in signs.items()])
    return Bench(folder, signs)


def test_in_check_every_scene_is_right_or_refused(bench: Bench, small: Any) -> None:
    truth, planned = small.ndvi(), bench.plan("check")
    assert planned.left_out == ()
    refused = 0
    for document in planned.documents:
        signs = bench.signs_of(document.source.id)
        (check,) = [part.check for part in document.parts]
        assert check is not None
        assert (check.said != "disputed") == signs.clear, signs
        if signs.lies:
            with pytest.raises(TaskError, match="but its pixels say") as error:
                bench.compute(document)
            assert error.value.exit is Exit.RADIOMETRY
            assert all(text in error.value.message for text in check.evidence)
            assert document.source.id in error.value.message
            refused += 1
        else:
            assert np.array_equal(bench.compute(document), truth), signs
    assert 0 < refused < len(planned.documents) / 2


def test_in_refuse_what_is_in_doubt_is_left_out_and_the_rest_is_checked(bench: Bench) -> None:
    planned, checked = bench.plan("refuse"), bench.plan("check")
    left = {one.item: one.reason for one in planned.left_out}
    doubtful = {d.source.id for d in checked.documents if not bench.signs_of(d.source.id).clear}
    assert set(left) == doubtful
    for item, reason in left.items():
        assert item in reason
        assert "`radiometry: check`" in reason
    # the very tasks of `check`, so that a lie told with one voice is met by the pixels here too
    wanted = [d.id for d in checked.documents if d.source.id not in doubtful]
    assert [document.id for document in planned.documents] == wanted


def test_in_trust_a_lie_gives_the_wrong_number(bench: Bench, small: Any) -> None:
    """What makes the difference is the check, not the pixels, the guess or the arithmetic."""
    forms = {"right": small.ndvi(), "carried": small.ndvi(1000), "removed": small.ndvi(-1000)}
    planned = bench.plan("trust")
    assert planned.left_out == ()
    wrong = 0
    for document in planned.documents:
        signs = bench.signs_of(document.source.id)
        got = bench.compute(document)
        right = np.array_equal(got, forms["right"])
        wrong += not right
        assert right or np.array_equal(got, forms[signs.form]), signs
        assert right or not signs.clear or signs.lies, signs
        assert not (right and signs.lies), signs
    assert wrong > 0


def test_bands_of_one_item_that_contradict_each_other_are_settled_by_pixels(
    small: Any, tmp_path: Path
) -> None:
    files = small.write(tmp_path / "files")
    signs = {form: Signs("earth-search-c1", form, offset=-0.1) for form in ("carried", "removed")}
    items = [one.item(form, files) for form, one in signs.items()]
    for item in items:
        item["assets"]["nir"]["raster:bands"][0]["offset"] = 0
    collect(tmp_path / "items.json", items)
    desk = Bench(tmp_path, signs)
    for document in desk.plan("check").documents:
        assert np.array_equal(desk.compute(document), small.ndvi())
    with pytest.raises(CatalogError, match="does not say clearly"):
        desk.plan("refuse")


def test_where_pixels_do_not_tell_one_voice_is_believed_and_two_are_refused(
    need: Need, tmp_path: Path
) -> None:
    """Bright cloud alone. What is believed may be a lie: the finding says that only words told."""
    cloudy = ground_scene.exeter(need("shared") / "data", "20240826T112111")
    bright = cloudy.red > 2500
    assert bright.sum() > 5000
    bands = {name: np.where(bright, getattr(cloudy, name), 0) for name in ("red", "nir")}
    # of class 7, which no mask takes out
    ground = ground_scene.Ground(**bands, scl=np.where(bright, 7, 0))
    files = ground.write(tmp_path / "files")
    signs = {
        f"{name}{form}": Signs(provider, form, baseline)
        for form in ("carried", "removed")
        for name, provider, baseline in (
            ("none", "bare", None),
            ("late", "planetary-computer", "05.11"),
            ("early", "planetary-computer", "02.14"),
        )
    }
    collect(tmp_path / "items.json", [one.item(name, files) for name, one in signs.items()])
    errors = {"carried": 1000, "removed": -1000}
    for document in Bench(tmp_path, signs).plan("check").documents:
        one, folder = signs[document.source.id], tmp_path / document.id
        folder.mkdir()
        if not one.votes:
            with pytest.raises(
                TaskError, match=r"nothing tells .* too bright, too few or too much"
            ) as error:
                process(document, Unsigned(), folder)
            assert error.value.exit is Exit.RADIOMETRY
            continue
        (part,) = process(document, Unsigned(), folder).parts
        assert part.finding
        assert (part.finding.verdict, part.finding.settled) == ("unclear", "metadata")
        expected = ground.ndvi(errors[one.form] if one.lies else 0)
        assert np.array_equal(read(folder / "ndvi.tif"), expected)


# --- through the command line, the emulator and processes of their own

TRUE = {
    "pc-late": Signs("planetary-computer", "carried", "05.11", "0511"),
    "pc-early": Signs("planetary-computer", "removed", "02.14", "0214"),
    "es-taken-off": Signs("earth-search", "removed", "05.11", "0511", -0.1, True),
    "c1-late": Signs("earth-search-c1", "carried", "05.11", "0511", -0.1),
    "cdse-late": Signs("copernicus", "carried", "05.11", "0511", -0.1),
}
DOUBTFUL = {
    "es-flag-missing": Signs("earth-search", "removed", "05.11", "0511", 0),
    "pc-name-against-baseline": Signs("planetary-computer", "removed", "02.14", "0511"),
    "stactools": Signs("stactools", "removed", "05.11", "0511", -0.7),
    "nothing-carried": Signs("bare", "carried"),
}
LIES = {
    "pc-baseline-early": Signs("planetary-computer", "carried", "02.14", "0214"),
    "es-flag-true": Signs("earth-search", "carried", "05.11", "0511", -0.1, True),
    "es-flag-false": Signs("earth-search", "removed", "05.11", "0511", -0.1, False),
    "c1-offset": Signs("earth-search-c1", "removed", "05.11", "0511", -0.1),
}
TRUSTED = ("pc-late", "es-flag-true", "nothing-carried")
"""Right, and two that leave the offset in."""


def asked(names: Json | tuple[str, ...], files: Path) -> list[Json]:
    table = TRUE | DOUBTFUL | LIES
    return [table[name].item(name, files) for name in names]


def short(name: str) -> str:
    """The name in the tables of an item whose id begins with the product's."""
    return name.rpartition("_")[2]


def test_true_doubtful_and_lying_items_in_one_run(files: Path, ground: Any, desk: Any) -> None:
    collect(desk.folder / "items.json", asked(TRUE | DOUBTFUL | LIES, files))
    catalog = f"{{catalog: items.json, collections: {COLLECTIONS}}}"
    desk.write("checked", catalog)
    run = desk.json("run", code=3)
    exits = {short(scene["item"]): scene["exit"] for scene in run["scenes"]}
    assert exits == {
        **dict.fromkeys((*TRUE, *DOUBTFUL), "done"),
        **dict.fromkeys(LIES, "radiometry"),
    }
    for scene in run["scenes"]:
        if scene["exit"] == "radiometry":
            assert "its metadata says that the numbers" in scene["message"]
            assert "but its pixels say" in scene["message"]
            assert "%" in scene["message"]

    truth = ground.ndvi()
    assert np.median(truth[ground.clear_land]) == 5317
    items = {short(name): item for name, item in desk.items("checked").items()}
    assert set(items) == {*TRUE, *DOUBTFUL}
    for item in items.values():
        assert np.array_equal(read(desk.products / "checked" / item["id"] / "ndvi.tif"), truth)
    for name, item in items.items():
        look_at_radiometry(item, TRUE.get(name), DOUBTFUL.get(name))

    desk.write("refused", catalog, "process: {radiometry: refuse}")
    planned = desk.json("plan")
    assert {short(left["item"]) for left in planned["left_out"]} == set(DOUBTFUL)
    assert len(planned["tasks"]) == len(TRUE) + len(LIES)


def look_at_radiometry(item: Json, true: Signs | None, doubtful: Signs | None) -> None:
    """The output's item says by which rule, on which evidence, and who settled it."""
    (part,) = item["properties"]["scenefleet:radiometry"]
    signs = true or doubtful
    assert signs
    check = part["check"]
    assert check["pixels"] == signs.form
    assert check["evidence"]
    assert (check["metadata"], check["settled_by"]) == (
        (signs.form, "both") if true else ("disputed", "pixels")
    )
    for band in part["bands"].values():
        assert band["scale"] == 1e-4
        assert band["offset"] == pytest.approx(-0.1 if signs.form == "carried" else 0, abs=1e-12)
        assert band["rule"]


def test_trust_believes_a_lie_and_the_known_wrong_number_comes_out(
    files: Path, ground: Any, desk: Any
) -> None:
    collect(desk.folder / "items.json", asked(TRUSTED, files))
    desk.write("trusted", f"{{catalog: items.json, collections: {COLLECTIONS}}}",
               "process: {radiometry: trust}")  # fmt: skip
    assert desk.json("run")["state"] == "done"
    land = ground.clear_land
    medians = {
        name: np.median(read(desk.products / "trusted" / name / "ndvi.tif")[land])
        for name in TRUSTED
    }
    assert medians == dict(zip(TRUSTED, (5317, 3404, 3404), strict=True))
    for item in desk.items("trusted").values():
        for part in item["properties"]["scenefleet:radiometry"]:
            assert (part["check"]["pixels"], part["check"]["settled_by"]) == (
                "not looked at", "metadata",
            )  # fmt: skip
            assert part["check"]["evidence"]
