"""What a Sentinel-2 item says of the offset of 1000: every sign is gathered, then weighed.

Signs contradict each other in real catalogues, so a contradiction is a finding, not an error:

- the processing baseline: ESA adds 1000 to every number since 04.00, reprocessed older scenes
  included; 99.99 is what Sen2Cor writes when a user runs it, and tells nothing;
- the product's name, which holds the baseline too (`..._N0509_...`);
- the offset that the item gives for the asset: -0.1 where the numbers carry 1000, 0 where not;
- `earthsearch:boa_offset_applied: true`: Element 84 took the 1000 off; such items carry an offset
  of -0.1 all the same (Element84/earth-search issue 66). `false` beside a late baseline is wrong in
  some items (issues 66, 71; cirrus-geo/cirrus-earth-search issue 33).

Where they disagree, the guess is that the 1000 is not there: who serves a product may have taken it
off, but nobody adds it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from scenefleet.catalog.model import Asset, Scene

Said = Literal["carried", "removed", "disputed"]
Confidence = Literal["certain", "likely", "disputed"]

OFFSET = -0.1
"""Of reflectance, where the numbers carry 1000 (`BOA_ADD_OFFSET` and `RADIO_ADD_OFFSET` -1000)."""

_FLAGS = ("earthsearch:boa_offset_applied", "sentinel:boa_offset_applied")
"""The second is what Earth Search's v0 said."""
_BASELINES = ("s2:processing_baseline", "processing:version", "sentinel:processing_baseline")
"""The second is what Copernicus Data Space says."""
_NAMES = ("s2:product_uri", "sentinel:product_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """One source of the item."""

    phrase: str
    says: Literal["carried", "removed", "nonsense"] | None
    """None: it tells nothing of the offset."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """What all signs of an item say together."""

    said: Said
    confidence: Confidence
    offset: float
    """Of the best guess where it is disputed."""
    rule: str
    evidence: tuple[str, ...]


def weigh(scene: Scene, asset: Asset) -> Weighed:
    """What a Sentinel-2 item says of the numbers of one of its reflectance bands."""
    flags, baselines, offsets = _flag(scene), _baselines(scene), _offset(asset)
    evidence = tuple(sign.phrase for sign in (*flags, *baselines, *offsets))
    nonsense = "nonsense" in _says(offsets)
    if "removed" in _says(flags):
        rule = "earthsearch-offset-applied"
        return _weighed("removed", rule, evidence, "disputed" if nonsense else "certain")
    votes = [said for said in (*_says(baselines), *_says(offsets)) if said != "nonsense"]
    confidence: Confidence = "disputed"
    if not nonsense and len(set(votes)) == 1:
        alone = len(votes) == 1 or (bool(flags) and votes[0] == "carried")
        confidence = "likely" if alone else "certain"
    if not votes:
        return _weighed("removed", "s2-undecided", (*evidence, *_missing(offsets)), confidence)
    said, rule = _guess(_says(baselines), _says(offsets))
    return _weighed(said, rule, evidence, confidence)


def signs_of_product(scene: Scene) -> tuple[str, ...]:
    """What tells that the item is of a product of ESA's: phrases of its baseline and its flag."""
    signs = (*_flag(scene), *_baselines(scene))
    return tuple(sign.phrase for sign in signs if sign.says)


def _weighed(
    guess: Literal["carried", "removed"], rule: str, evidence: tuple[str, ...], how: Confidence
) -> Weighed:
    return Weighed(
        said="disputed" if how == "disputed" else guess,
        confidence=how,
        offset=OFFSET if guess == "carried" else 0.0,
        rule=rule,
        evidence=evidence,
    )


def _guess(baselines: list[str], offsets: list[str]) -> tuple[Literal["carried", "removed"], str]:
    """What to believe, and by which rule; of baselines the first, which is the product's name."""
    if baselines and baselines[0] == "removed":
        return "removed", "s2-baseline<04.00"
    if "removed" in offsets:
        return "removed", "item-raster-bands"
    return "carried", "s2-baseline>=04.00" if baselines else "item-raster-bands"


def _says(signs: Iterable[Sign]) -> list[str]:
    return [sign.says for sign in signs if sign.says]


def _flag(scene: Scene) -> list[Sign]:
    for key in _FLAGS:
        value = scene.properties.get(key)
        if value is True:
            return [Sign(phrase=f"{key} true: the offset is taken off", says="removed")]
        if value is False:
            return [Sign(phrase=f"{key} false, which is not always so", says=None)]
    return []


def _baselines(scene: Scene) -> list[Sign]:
    """The product's name first: ESA wrote it, while properties are the catalogue's."""
    signs: list[Sign] = []
    texts = [(key, str(scene.properties.get(key) or "")) for key in _NAMES]
    for key, text in (*texts, ("item id", scene.id)):
        if named := re.search(r"_N(\d\d)(\d\d)_", text):
            signs.append(_baseline(key, "N" + named[1] + named[2], int(named[1]), int(named[2])))
    for key in _BASELINES:
        if (told := scene.properties.get(key)) is None:
            continue
        match = re.fullmatch(r"(\d\d?)\.(\d\d)", str(told))
        if match:
            signs.append(_baseline(key, str(told), int(match[1]), int(match[2])))
        else:
            signs.append(Sign(phrase=f"{key} {told!r} is not written like '05.11'", says=None))
    return signs


def _baseline(source: str, text: str, major: int, minor: int) -> Sign:
    if (major, minor) == (99, 99):
        return Sign(phrase=f"{source} {text}: made outside ESA, tells nothing", says=None)
    if major >= 4:
        return Sign(phrase=f"{source} {text}: numbers carry 1000", says="carried")
    return Sign(phrase=f"{source} {text}: older than 04.00, no offset", says="removed")


def _offset(asset: Asset) -> list[Sign]:
    if asset.offset is None:
        return []
    phrase = f"raster:bands offset {asset.offset:g}"
    if math.isclose(asset.offset, OFFSET, abs_tol=1e-6):
        return [Sign(phrase=phrase, says="carried")]
    if math.isclose(asset.offset, 0, abs_tol=1e-6):
        return [Sign(phrase=phrase, says="removed")]
    return [Sign(phrase=f"{phrase}, which is neither -0.1 nor 0", says="nonsense")]


def _missing(offsets: list[Sign]) -> list[str]:
    no_baseline = "no usable processing baseline (s2:processing_baseline, s2:product_uri)"
    return [no_baseline] if offsets else [no_baseline, "no raster:bands offset"]
