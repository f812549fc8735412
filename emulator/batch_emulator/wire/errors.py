"""The service's errors: code, HTTP status and sentence.

Source: "Batch Status and Error Codes" in the service's REST reference.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from batch_emulator.wire.iso8601 import format_time

ERRORS: dict[str, tuple[int, str]] = {
    "ActiveJobAndScheduleQuotaReached": (
        409,
        "Active job and schedule quota for the account has been reached.",
    ),
    "AuthenticationFailed": (
        403,
        "Server failed to authenticate the request. Make sure the value of Authorization header "
        "is formed correctly including the signature.",
    ),
    "AutoScalingFormulaSyntaxError": (
        400,
        "The specified auto-scaling formula has a syntax error.",
    ),
    "AutoScalingFormulaTooLong": (
        400,
        "The specified auto-scaling formula exceeds lengths limit.",
    ),
    "ConditionNotMet": (
        412,
        "The condition specified in the conditional header(s) was not met for a write operation.",
    ),
    "FileNotFound": (404, "The specified file does not exist."),
    "InternalError": (
        500,
        "The server encountered an internal error. Please retry the request.",
    ),
    "InvalidAuthenticationInfo": (
        400,
        "The authentication information was not provided in the correct format. Verify the value "
        "of Authorization header.",
    ),
    "InvalidAutoScalingSettings": (400, "The specified auto-scaling settings are not valid."),
    "InvalidHeaderValue": (
        400,
        "The value provided for one of the HTTP headers was not in the correct format.",
    ),
    "InvalidPropertyValue": (
        400,
        "The value provided for one of the properties in the request body is invalid.",
    ),
    "InvalidQueryParameterValue": (
        400,
        "Value for one of the query parameters specified in the request URI is invalid",
    ),
    "InvalidRange": (
        416,
        "The range specified is invalid for the current size of the resource.",
    ),
    "InvalidRequestBody": (400, "The specified Request Body is not syntactically valid."),
    "InvalidUri": (400, "The requested URI does not represent any resource on the server."),
    "JobBeingDeleted": (
        409,
        "The specified job has been marked for deletion and is being garbage collected.",
    ),
    "JobBeingTerminated": (409, "The specified job is being terminated."),
    "JobCompleted": (409, "The specified job is already in a completed state."),
    "JobDisabled": (409, "The specified job is disabled."),
    "JobExists": (409, "The specified job already exists."),
    "JobNotActive": (409, "The specified job is not in active state."),
    "JobNotFound": (404, "The specified job does not exist."),
    "MissingRequiredProperty": (
        400,
        "A required property was not specified in the request body.",
    ),
    "MissingRequiredQueryParameter": (
        400,
        "A required query parameter was not specified for this request.",
    ),
    "NodeNotFound": (404, "The specified node does not exist."),
    "NotImplemented": (
        501,
        "This emulator of Azure Batch does not do this operation yet; the service does.",
    ),
    "OperationInvalidForCurrentState": (
        409,
        "The specified operation is not valid for the current state of the resource.",
    ),
    "OperationNotValidOnPool": (409, "The specified operation is not valid on the pool."),
    "OutOfRangeQueryParameterValue": (
        400,
        "A query parameter specified in the request URI is outside the permissible range.",
    ),
    "PoolBeingDeleted": (
        409,
        "The specified pool has been marked for deletion and is being reclaimed.",
    ),
    "PoolBeingResized": (409, "The specified pool is being resized."),
    "PoolExists": (409, "The specified pool already exists."),
    "PoolNotFound": (404, "The specified pool does not exist."),
    "RequestBodyTooLarge": (
        413,
        "The size of the request body exceeds the maximum size permitted.",
    ),
    "TaskCompleted": (409, "The specified task is already in a completed state."),
    "TaskDependenciesNotSpecifiedOnJob": (
        400,
        "A task was specified as depending on other tasks, but the job did not specify that it "
        "would use task dependencies.",
    ),
    "TaskExists": (409, "The specified task already exists."),
    "TaskFilesCleanedup": (409, "The files of the specified task are cleanedup."),
    "TaskFilesUnavailable": (409, "The files of the specified task are unavailable."),
    "TaskNotCompleted": (
        409,
        "The specified task is not in a completed state, and the requested operation can be "
        "performed only on completed tasks.",
    ),
    "TaskNotFound": (404, "The specified task does not exist."),
    "TaskSucceeded": (
        409,
        "The specified task has already completed successfully, and the requested operation "
        "cannot be performed on successful tasks.",
    ),
    "UnsupportedHttpVerb": (405, "The resource doesn't support the specified HTTP verb."),
    "UnsupportedRequestVersion": (400, "The specified request version is not supported."),
}


class BatchError(Exception):
    """An answer of the service that is an error.

    Args:
        code: one of `ERRORS`.
        details: the body's `values`: which property, what was given, why it is wrong.
        status: the HTTP status, where it differs from the code's own.
    """

    def __init__(self, code: str, *, status: int | None = None, **details: object) -> None:
        own_status, self.sentence = ERRORS[code]
        super().__init__(f"{code}: {self.sentence}")
        self.code = code
        self.status = own_status if status is None else status
        self.details = {name: str(value) for name, value in details.items()}

    def body(self, request_id: str, now: datetime) -> dict[str, Any]:
        """The error as JSON, with the request and time in its sentence as the service adds them."""
        text = f"{self.sentence}\nRequestId:{request_id}\nTime:{format_time(now)}"
        body: dict[str, Any] = {"code": self.code, "message": {"lang": "en-US", "value": text}}
        if self.details:
            body["values"] = [{"key": key, "value": value} for key, value in self.details.items()]
        return body


def invalid_property(name: str, value: object, reason: str) -> BatchError:
    """The error for a property of the body that has a value it may not have."""
    return BatchError("InvalidPropertyValue", PropertyName=name, PropertyValue=value, Reason=reason)


def missing_property(name: str, reason: str = "The property is required.") -> BatchError:
    """The error for a property of the body that has to be there."""
    return BatchError("MissingRequiredProperty", PropertyName=name, Reason=reason)


def invalid_query(name: str, value: object, reason: str) -> BatchError:
    """The error for a query parameter that cannot be used."""
    return BatchError(
        "InvalidQueryParameterValue",
        QueryParameterName=name,
        QueryParameterValue=value,
        Reason=reason,
    )
