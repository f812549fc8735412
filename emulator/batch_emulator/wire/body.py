"""Request bodies: read within a limit, and checked against the service's own shapes.

`schemas.json` holds the shapes, derived from the models of the azure-batch wheel: names, types,
allowed values and what is required. What they cannot say (this with that, ranges) operations check.
"""

from __future__ import annotations

import json
import math
from datetime import timedelta
from functools import cache
from importlib.resources import files
from typing import Any, NoReturn, cast

from starlette.requests import Request

from batch_emulator.wire.errors import BatchError, invalid_property, missing_property
from batch_emulator.wire.former import as_today
from batch_emulator.wire.iso8601 import format_duration, format_time, parse_duration, parse_time
from batch_emulator.wire.versions import NEWEST, number_of_text, shapes_of, version_of

Json = dict[str, Any]

LIMIT = 1024 * 1024
"""The service's limit for a body, in bytes; a larger one is `RequestBodyTooLarge`."""

DEPTH = 64
"""Levels of a value that may hold anything: what JSON libraries take as their usual limit."""
_LONGEST_NAME = 1024
"""Characters of a `displayName`."""
_JSON = "application/json"
_UNLIMITED = timedelta(days=10675199)
"""The service's word for no limit is longer, and has more digits than are counted here."""
_SECRETS = {"UserAccount": ("password",), "LinuxUserConfiguration": ("sshPrivateKey",)}
"""What is checked and then forgotten: the service never tells it, and nothing here uses it."""


@cache
def schemas(version: str = NEWEST) -> dict[str, Json]:
    """All shapes of an api-version, by the wheel's class names."""
    if version != NEWEST:
        return shapes_of(version, schemas())
    text = files("batch_emulator.wire").joinpath("schemas.json").read_text("utf-8")
    return cast("dict[str, Json]", json.loads(text))


def property_names(shape: str, version: str = NEWEST) -> frozenset[str]:
    """The names a resource of this shape can have."""
    return frozenset(schemas(version)[shape]["properties"])


async def read_body(request: Request, shape: str, *, optional: bool = False) -> Json:
    """The request's JSON, checked against a shape of its version, by today's names.

    `null` counts as absent.

    Raises:
        BatchError: if it is too large, no JSON, or not of the shape.
    """
    body = await read_json(request, optional=optional)
    return check(body, shape, version=version_of(request))


async def read_json(request: Request, *, optional: bool = False) -> Json:
    """Reads the request's JSON object, of whatever shape, and whatever type its headers name.

    The emulator's own interface wants JSON's type: a browser that knows the key would send it a
    form of any web page.

    Raises:
        BatchError: if it is too large, or no JSON object.
    """
    kind = request.headers.get("content-type", _JSON)
    if not request.scope["exchange"].of_service and _plain(kind) != _JSON:
        raise BatchError("InvalidHeaderValue", HeaderName="Content-Type", HeaderValue=kind)
    raw = await _read(request)
    if not raw and optional:
        return {}
    try:
        value: Any = json.loads(raw, parse_constant=_no_number, parse_float=_finite)
        if b"\\ud" in raw.lower():  # half a character, which no file's name can have
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise BatchError("InvalidRequestBody", Reason="The body is not JSON.") from None
    if not isinstance(value, dict):
        raise BatchError("InvalidRequestBody", Reason="The body is not a JSON object.")
    return cast("Json", value)


def _plain(kind: str) -> str:
    """A content type without its parameters."""
    return kind.partition(";")[0].strip().lower()


def _no_number(text: str) -> NoReturn:
    """Refuse NaN and the infinities, which Python reads and JSON does not have."""
    raise ValueError(text)


def _finite(text: str) -> float:
    """A number; one too large for a float would be an infinity."""
    value = float(text)
    return value if math.isfinite(value) else _no_number(text)


async def _read(request: Request) -> bytes:
    declared = request.headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > LIMIT:
        raise BatchError("RequestBodyTooLarge", MaxLimit=LIMIT)
    parts = bytearray()
    async for part in request.stream():
        parts += part
        if len(parts) > LIMIT:
            raise BatchError("RequestBodyTooLarge", MaxLimit=LIMIT)
    return bytes(parts)


def check(value: Json, shape: str, path: str = "", *, version: str = NEWEST) -> Json:
    """Check an object against a shape and return it by today's names, without `null` members.

    Args:
        value: the object.
        shape: the name of what it is to be.
        path: where it stands in the body.
        version: the api-version whose shapes it is to have.

    Raises:
        BatchError: naming the property, the value and what is allowed.
    """
    schema = schemas(version)[shape]
    properties: Json = schema["properties"]
    result: Json = {}
    for name, member in value.items():
        if name.startswith("odata."):
            continue
        if name not in properties:
            raise BatchError(
                "InvalidRequestBody",
                PropertyName=path + name,
                Reason=f"{shape} has no property of this name.",
            )
        if name == "displayName" and isinstance(member, str) and len(member) > _LONGEST_NAME:
            raise invalid_property(path + name, member, f"Allowed: {_LONGEST_NAME} characters.")
        if member is not None:
            checked = _check(member, properties[name], path + name, version=version)
            result[name] = "" if name in _SECRETS.get(shape, ()) else checked
    for name in schema.get("required", ()):
        if name not in result:
            raise missing_property(path + name)
    if shape == "BatchMetadataItem" and not result["name"]:
        raise BatchError("EmptyMetadataKey", PropertyName=f"{path}name")
    return as_today(result, shape, version)


def _check(value: Any, kind: Json, path: str, *, version: str) -> Any:  # noqa: ANN401 - JSON
    if "ref" in kind:
        if not isinstance(value, dict):
            raise invalid_property(path, value, "An object is expected.")
        return check(cast("Json", value), kind["ref"], path + ".", version=version)
    if "list" in kind:
        if not isinstance(value, list):
            raise invalid_property(path, value, "An array is expected.")
        members = cast("list[Any]", value)
        one = kind["list"]
        return [_check(v, one, f"{path}[{i}]", version=version) for i, v in enumerate(members)]
    if "enum" in kind:
        return _check_choice(value, kind["enum"], path)
    if version != NEWEST:
        value = number_of_text(value, kind["type"])
    reason = _fault(value, kind["type"])
    if reason:
        raise invalid_property(path, value, reason)
    return _as_answered(value, kind["type"])


def _as_answered(value: Any, kind: str) -> Any:  # noqa: ANN401 - JSON is anything
    """A plain value as the service gives it back: times in UTC, durations with no zeros."""
    if kind == "date-time":
        return format_time(parse_time(value))
    if kind == "duration" and (span := parse_duration(value)) < _UNLIMITED:
        return format_duration(span)
    return value


def _check_choice(value: object, choices: list[str], path: str) -> str:
    for choice in choices:
        if isinstance(value, str) and value.lower() == choice.lower():
            return choice
    raise invalid_property(path, value, f"Allowed: {', '.join(choices)}.")


def _fault(value: Any, kind: str) -> str | None:  # noqa: ANN401, PLR0911 - JSON is anything, of 6 kinds
    """Why a plain value is not of its kind, or nothing."""
    if kind == "integer":
        whole = isinstance(value, int) and not isinstance(value, bool)
        return None if whole and -(2**63) <= value < 2**63 else "A whole number is expected."
    if kind == "number":
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return None if number else "A number is expected."
    if kind == "boolean":
        return None if isinstance(value, bool) else "true or false is expected."
    if kind == "object":
        return _fault_of_object(value)
    if not isinstance(value, str):
        return "A string is expected."
    try:
        if kind == "duration":
            parse_duration(value)
        elif kind == "date-time":
            parse_time(value)
    except OverflowError:
        return "It is too long." if kind == "duration" else "It is out of range."
    except ValueError as error:
        return str(error)
    return None


def _fault_of_object(value: object) -> str | None:
    """Why a value is no object that may hold anything, or nothing."""
    if not isinstance(value, dict):
        return "An object is expected."
    level: list[Any] = [value]
    for _ in range(DEPTH):
        level = [inner for outer in level for inner in _members(outer)]
        if not level:
            return None
    return f"It is nested deeper than {DEPTH} levels."


def _members(value: Any) -> list[Any]:  # noqa: ANN401 - JSON
    """What an object or array holds that may hold more."""
    members: list[Any] = list(value.values() if isinstance(value, dict) else value)  # pyright: ignore[reportUnknownArgumentType] - JSON
    return [one for one in members if isinstance(one, dict | list)]
