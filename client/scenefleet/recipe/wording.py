"""What a key of the recipe takes, in words for values of a wrong type or beyond a limit. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from scenefleet.inputs import cut
from scenefleet.recipe.dates import ALLOWED

Field = tuple[str, str]
"""The name of a part's class, and one of its keys."""

FIXED = frozenset({("Search", "bbox"), ("GridPart", "align"), ("Process", "script")})
"""Keys with values of a fixed form: what is wrong within is told of the whole value."""

NAME = "lower-case letters, digits and hyphens only, 40 at most, no hyphen first"
_TEXT = "write text, in quotes if it looks like a number, a date or true"
_BOOLEAN = "write true or false"
_BAND = "write the band's number, from 1, or its name"
_BY_KEY: Mapping[Field, str] = {
    ("Recipe", "version"): "write 1, the number of the only form that recipes have",
    ("Recipe", "name"): f"write {NAME}; in quotes if they are digits alone",
    ("Recipe", "search"): "write a mapping, as in {bbox: [4.9, 52.0, 5.0, 52.1], dates: 2023-06}",
    ("Recipe", "process"): "write a mapping, as in {indices: [ndvi]}, or leave the key out",
    ("Recipe", "output"): "write a mapping, as in {store: ./results}, or leave the key out",
    ("Recipe", "collections"): (
        "write a mapping that describes archives by their ids, as in {my-archive: {bands: {red: "
        "B04}}}; which collections are searched stands in `search.collections`"
    ),
    ("Recipe", "compute"): "write a mapping, as in {backend: local}, or leave the key out",
    ("Recipe", "resources"): "write a mapping, as in {memory: 1GB}, or leave the key out",
    ("Recipe", "budget"): (
        "write a mapping, as in {node_price: 0.2, max_cost: 5}, or leave the key out"
    ),
    ("Search", "catalog"): (
        "write planetary-computer, earth-search, the URL of a STAC API, or the path of a file of "
        "items or a static catalogue"
    ),
    ("Search", "collections"): "write a list of one or more, as in [sentinel-2-l2a]",
    ("Search", "area"): (
        "write the name of a GeoJSON file, or GeoJSON in place; a box is written `bbox: [west, "
        "south, east, north]`"
    ),
    ("Search", "bbox"): "write 4 numbers, [west, south, east, north], in degrees",
    ("Search", "dates"): f"write {ALLOWED}",
    ("Search", "cloud_below"): "write a number from 0 to 100, in per cent",
    ("Search", "filter"): (
        'write CQL2 as JSON, as in {op: "<", args: [{property: "view:off_nadir"}, 10]}'
    ),
    ("Search", "keep_query"): "write a list of keys, as in [file, band]",
    ("Search", "allow_private"): "write a list of hosts, as in [account.blob.core.windows.net]",
    ("Process", "indices"): (
        "write a list of names and own formulas, as in [ndvi, {my_name: nir - red}]"
    ),
    ("Process", "bands"): "write a list of common names, as in [red, nir]",
    ("Process", "constants"): "write a mapping, as in {SAVI: {L: 0.5}}",
    ("Process", "script"): "write the path of a Python file, such as my_process.py",
    ("Process", "mask"): (
        "write none, or one or a list of clouds, shadows, snow, water and of numbers of classes or "
        "bits"
    ),
    ("Process", "grid"): "write a mapping, as in {crs: EPSG:3035, resolution: 20}",
    ("Masking", "classes"): "write a list of whole numbers, as in [7, 10]",
    ("GridPart", "align"): "write 2 numbers, [x, y], in units of the CRS",
    ("PublishedPart", "providers"): "write a list, as in [{name: My institute}]",
    ("PublishedPart", "keywords"): "write a list of texts, as in [vegetation, Sentinel-2]",
    ("ProviderPart", "roles"): "write a list, as in [processor]",
    ("CollectionPart", "bands"): "write a mapping, as in {red: B04, nir: B08}",
    ("CollectionPart", "masks"): "write a list, as in [{asset: SCL, classes: {9: cloud}}]",
    ("BandPart", "band"): _BAND,
    ("MaskPart", "band"): _BAND,
    ("MaskPart", "classes"): "write a mapping, as in {9: cloud, 3: shadow}",
    ("MaskPart", "bits"): "write a mapping, as in {3: cloud, 4: shadow}",
}
"""What a key takes, whatever was given in its place."""
_BY_KIND: Mapping[str, str] = {
    "bool_parsing": _BOOLEAN,
    "bool_type": _BOOLEAN,
    "dict_type": "write a mapping, as in {key: value}",
    "finite_number": "write a finite number",
    "float_parsing": "write a number",
    "float_type": "write a number",
    "int_from_float": "write a whole number",
    "int_parsing": "write a whole number",
    "int_parsing_size": "write a whole number of fewer digits",
    "int_type": "write a whole number",
    "model_type": "write a mapping, as in {key: value}",
    "string_type": _TEXT,
    "string_unicode": _TEXT,
    "tuple_type": "write a list, as in [a, b]",
}
"""What pydantic's kinds of wrong types ask for; see
https://docs.pydantic.dev/latest/errors/validation_errors/."""
_LIMITS: Mapping[str, str] = {
    "greater_than": "write a number greater than {gt:g}",
    "greater_than_equal": "write {ge:g} or more",
    "less_than": "write a number less than {lt:g}",
    "less_than_equal": "write {le:g} or less",
    "string_too_long": "it is longer than {max_length:,} characters, the most that it may have",
    "string_too_short": "it needs at least {min_length} character",
    "too_long": "it may have {max_length} values at most",
    "too_short": "it needs at least {min_length}",
}
_COMPARISON = re.compile(r"\s*([A-Za-z_][\w:.-]*)\s*(<=|>=|<>|!=|==|<|>|=)\s*(\S.*?)\s*")


def is_wrong_type(kind: str) -> bool:
    """Tells whether pydantic's kind of a problem is a value of a wrong type."""
    return kind in _BY_KIND


def words(kind: str, text: str, limits: Mapping[str, Any], field: Field, given: object) -> str:
    """What is allowed where a value was refused, in the recipe's terms.

    Args:
        kind: pydantic's.
        text: pydantic's own words, for kinds that this module does not know.
        limits: pydantic's `ctx`.
        field: which key of which part it is; the key is empty in a list or a mapping.
        given: the value.
    """
    if is_wrong_type(kind):
        return _meant(field, given) or _BY_KEY.get(field) or _BY_KIND[kind]
    if kind == "number" and not _BY_KEY.get(field, text).startswith("write a number"):
        return _BY_KEY[field]
    if (kind == "literal_error" and field in _BY_KEY) or (kind == "too_long" and field in FIXED):
        return _BY_KEY[field]
    if kind == "too_short" and field in _BY_KEY:
        return f"{_LIMITS[kind].format(**limits)}: {_BY_KEY[field]}"
    if kind == "string_pattern_mismatch" and field == ("Recipe", "name"):
        return NAME
    return _LIMITS[kind].format(**limits) if kind in _LIMITS else text


def given_as(value: object) -> str:
    """A value as a message repeats it, as YAML has it where Python differs."""
    if value is None:
        return "nothing"
    return str(value).lower() if isinstance(value, bool) else cut(repr(value))


def _meant(field: Field, given: object) -> str | None:
    """What a value of a wrong type most likely stands for; None where nothing is likely."""
    if field == ("Search", "area") and _is_list(given, 4, int, float):
        return f"a box is written `bbox: {given}`"
    if field == ("Search", "dates") and _is_list(given, 2, str):
        first, last = cast("Sequence[str]", given)
        return f"two dates are one text with a slash between: write {cut(f'{first}/{last}')}"
    if field == ("Search", "filter") and isinstance(given, str):
        return _as_json(given)
    listed = (("Search", "collections"), ("Process", "indices"), ("Process", "bands"))
    if field in listed and isinstance(given, str) and given and "\n" not in given:
        return f"write a list, as in [{cut(given)}]"
    return None


def _is_list(value: object, length: int, *types: type) -> bool:
    if not isinstance(value, list | tuple) or len(cast("Sequence[Any]", value)) != length:
        return False
    return all(isinstance(one, types) for one in cast("Sequence[Any]", value))


def _as_json(text: str) -> str | None:
    """A comparison in CQL2's text form, as its JSON."""
    found = _COMPARISON.fullmatch(text[:200])
    if found is None or re.search(r"\b(and|or|not)\b", found[3], re.IGNORECASE):
        return None
    name, sign, value = found.groups()
    sign = {"==": "=", "!=": "<>"}.get(sign, sign)
    number = re.fullmatch(r"[+-]?\d+(\.\d+)?", value)
    operand = value if number else '"{}"'.format(value.strip("'\""))
    return f'CQL2 is written as JSON: {{op: "{sign}", args: [{{property: "{name}"}}, {operand}]}}'
