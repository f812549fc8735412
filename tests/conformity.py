"""Holds every answer of the Batch emulator to the documents derived from the azure-batch wheel.

They are the shared folder's `reference/azure-batch-openapi-derived.json` (statuses and shapes) and
`azure-batch-operations.json` (headers): a reading of the service's rules that the emulator, whose
own `schemas.json` says what it takes, has no part in.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jsonschema

Json = dict[str, Any]

VERSION = "2025-06-01"
MEMBERS = 20
"""Of a list, so many are looked at."""
UNVERSIONED = {
    "create_task_collection",
    "delete_task_file",
    "get_application",
    "get_job_task_counts",
    "get_node_extension",
    "get_node_remote_login_settings",
    "upload_node_logs",
    "get_node",
}
"""Operations whose answers tell of nothing that has a version, whatever headers their models list:
the service's recorded answers have none either."""
LEFT_OUT = {
    "BatchTaskContainerSettings": {"workingDirectory"},
    "BatchNode": {"ipv6Address", "lastBootTime"},
    "BatchTask": {"previousState"},
    "BatchJob": {"previousState"},
    "BatchJobSchedule": {"previousState"},
    "BatchSubtask": {"previousState", "result"},
    "BatchTaskExecutionInfo": {"result"},
    "BatchStartTaskInfo": {"result"},
    "ExitOptions": {"dependencyAction", "jobAction"},
    "UserAccount": {"password"},
}
"""What the models have as always there, and their own text or recorded answers do not: without
IPv6, before the first boot, in the first state, before the end, where nobody set it; secrets."""
TEXTS = {
    "contentLength",
    "diskReadIOps",
    "diskWriteIOps",
    "numFailedTasks",
    "numSucceededTasks",
    "numTaskRetries",
    "readIOps",
    "writeIOps",
}
"""Whole numbers that are texts on the wire, as the models read them: the document forgets that."""
_VERSION_HEADERS = {"ETag", "Last-Modified"}
_JSON = "application/json;odata=minimalmetadata"
_FORMS = {
    "date-time": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$",
    "duration": r"^P(\d+D)?(T(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?$",
}
_OURS = re.compile(r"/($|admin\b|metadata/|favicon|state\.json)")
"""Paths that are the emulator's own, and none of the service's."""


@dataclass(frozen=True)
class Exchanged:
    """A request and its answer, as the client has them."""

    method: str
    url: str
    asked: Mapping[str, str]
    """The request's headers, in lower case."""
    status: int
    headers: Mapping[str, str]
    """The answer's, in lower case."""
    body: bytes | None
    """None where the client has not read it."""


@dataclass(frozen=True)
class _Operation:
    name: str
    method: str
    path: re.Pattern[str]
    answers: Json
    headers: frozenset[str]


@dataclass
class Book:
    """What the documents say, and what was found that they do not."""

    operations: list[_Operation]
    schemas: Json
    found: list[str] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    """Names of the operations that answered with success."""

    def check(self, exchanged: Exchanged) -> None:
        """Write down what is wrong with an answer."""
        parts = urlsplit(exchanged.url)
        versions = parse_qs(parts.query).get("api-version")
        if versions != [VERSION] or _OURS.match(parts.path):
            return
        where = f"{exchanged.method} {parts.path}?{parts.query}: {exchanged.status}"
        self.found += [f"{where}: {fault}" for fault in self._faults(exchanged, parts.path)]

    def _faults(self, exchanged: Exchanged, path: str) -> list[str]:
        faults = [] if exchanged.headers.get("request-id") else ["no request-id"]
        asked = exchanged.asked
        if asked.get("return-client-request-id", "").lower() == "true" and (
            exchanged.headers.get("client-request-id") != asked.get("client-request-id", "")
        ):
            faults.append("not the client's client-request-id")
        operation = self._operation(exchanged.method, path)
        if exchanged.status >= 300:
            return faults + self._error_faults(exchanged)
        if operation is None:
            return [*faults, "no operation of the service, and yet a success"]
        self.seen.add(operation.name)
        return faults + self._success_faults(exchanged, operation)

    def _operation(self, method: str, path: str) -> _Operation | None:
        known = (o for o in self.operations if o.method == method and o.path.fullmatch(path))
        return next(known, None)

    def _error_faults(self, exchanged: Exchanged) -> list[str]:
        if exchanged.method == "HEAD" or exchanged.status == 304:
            return ["a body"] if exchanged.body else []
        if exchanged.body is None:
            return []
        return self._json_faults(exchanged, {"$ref": "#/$defs/BatchError"}, required=True)

    def _success_faults(self, exchanged: Exchanged, operation: _Operation) -> list[str]:
        answer = operation.answers.get(str(exchanged.status))
        if answer is None:
            return [f"{operation.name} answers with {', '.join(operation.answers)}"]
        lacking = [
            name
            for name in sorted(operation.headers)
            if name.lower() not in exchanged.headers and self._is_due(name, operation)
        ]
        faults = [f"no {name}" for name in lacking]
        content = answer.get("content", {}).get("application/json")
        if content is not None and exchanged.body is not None:
            chosen = "$select" in parse_qs(urlsplit(exchanged.url).query)
            faults += self._json_faults(exchanged, content["schema"], required=not chosen)
        return faults

    def _is_due(self, name: str, operation: _Operation) -> bool:
        if name in ("client-request-id", "ocp-creation-time"):
            # The first only where it was asked for, which is looked at for every answer. Nodes with
            # Linux do not tell the other, says the model of a file's properties.
            return False
        return not (name in _VERSION_HEADERS and operation.name in UNVERSIONED)

    def _json_faults(self, exchanged: Exchanged, schema: Json, *, required: bool) -> list[str]:
        kind = exchanged.headers.get("content-type")
        faults = [] if kind == _JSON else [f"content type {kind}"]
        try:
            body = json.loads(exchanged.body or b"")
        except ValueError as error:
            return [*faults, f"no JSON: {error}"]
        if "odata.metadata" not in body and schema.get("$ref") != "#/$defs/AutoScaleRun":
            faults.append("no odata.metadata")
        if isinstance(body.get("value"), list):
            body["value"] = body["value"][:MEMBERS]
        defs = self.schemas if required else _without_required(self.schemas)
        whole = {**_at_top(schema, defs), "$defs": defs}
        validator = jsonschema.Draft202012Validator(whole)
        errors = validator.iter_errors(body)
        return faults + [f"{e.json_path}: {e.message[:300]}" for e in errors]


def read_book(reference: Path) -> Book:
    """What the documents in a folder say."""
    document = json.loads((reference / "azure-batch-openapi-derived.json").read_text("utf-8"))
    told = json.loads((reference / "azure-batch-operations.json").read_text("utf-8"))
    operations: list[_Operation] = []
    for path, methods in _moved(document["paths"]).items():
        pattern = re.escape(path).replace(r"\{filePath\}", ".+")
        pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", pattern)
        for method, operation in methods.items():
            name = operation["operationId"]
            answers = {k: v for k, v in operation["responses"].items() if k != "default"}
            headers = frozenset(told[name]["response_headers"])
            operations.append(
                _Operation(name, method.upper(), re.compile(pattern), answers, headers)
            )
    shapes = _moved(document["components"]["schemas"])
    schemas = {name: _closed(name, shape) for name, shape in shapes.items()}
    return Book(operations, schemas)


def _moved(node: Any) -> Any:
    """A document whose shapes are in `$defs`, and whose formats are patterns."""
    if isinstance(node, dict):
        moved = {k: _ref(v) if k == "$ref" else _moved(v) for k, v in node.items()}
        form = node.get("format")
        return {**moved, "pattern": _FORMS[form]} if isinstance(form, str) else moved
    return [_moved(member) for member in node] if isinstance(node, list) else node


def _ref(target: str) -> str:
    return target.replace("#/components/schemas/", "#/$defs/")


def _closed(name: str, schema: Json) -> Json:
    """A shape that takes no properties but its own."""
    own = schema.get("properties", {})
    text = {"type": "string", "pattern": "^[0-9]+$"}
    properties = {n: text if n in TEXTS else kind for n, kind in own.items()}
    required = [n for n in schema.get("required", ()) if n not in LEFT_OUT.get(name, ())]
    shape = {**schema, "properties": properties, "required": required}
    return {**shape, "additionalProperties": False} if own else shape


def _at_top(schema: Json, schemas: Json) -> Json:
    """A body's shape: it also says what it is, and where the rest of a list is."""
    if "$ref" in schema:
        schema = schemas[schema["$ref"].removeprefix("#/$defs/")]
    text = {"type": "string"}
    own = {"odata.metadata": text, "odata.nextLink": text}
    return {
        **schema,
        "properties": {**schema.get("properties", {}), **own},
        "additionalProperties": False,
    }


def _without_required(schemas: Json) -> Json:
    return {name: {**schema, "required": []} for name, schema in schemas.items()}
