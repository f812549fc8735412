"""The service's errors: code, HTTP status and sentence.

Source: "Batch Status and Error Codes" in the service's REST reference.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from batch_emulator.wire.iso8601 import format_time
from batch_emulator.wire.secrets import tellable

ERRORS: dict[str, tuple[int, str]] = {
    "ActiveJobAndScheduleQuotaReached": (
        409,
        "Active job and schedule quota for the account has been reached.",
    ),
    "ApplicationNotFound": (404, "The specified application does not exist."),
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
    "CertificateNotFound": (404, "The specified certificate does not exist."),
    "ConditionNotMet": (
        412,
        "The condition specified using HTTP conditional header(s) is not met.",
    ),
    "EmptyMetadataKey": (400, "One of the metadata keys is empty."),
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
    "InvalidCertificateReferences": (
        409,
        "One or more of the specified certificate references are invalid.",
    ),
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
        "Value for one of the query parameters specified in the request URI is invalid.",
    ),
    "InvalidRange": (
        416,
        "The range specified is invalid for the current size of the resource.",
    ),
    "InvalidRequestBody": (400, "The specified Request Body is not syntactically valid."),
    "InvalidRestAPIForAccountSetting": (
        409,
        "The REST API that is used and the setting of the account do not fit each other.",
    ),
    "InvalidUri": (400, "The requested URI does not represent any resource on the server."),
    "InvalidApplicationPackageReferences": (
        409,
        "One or more of the specified application package references are invalid.",
    ),
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
    "JobScheduleBeingDeleted": (
        409,
        "The specified job schedule has been marked for deletion and is being reclaimed.",
    ),
    "JobScheduleBeingTerminated": (409, "The specified job schedule is being terminated."),
    "JobScheduleCompleted": (409, "The specified job schedule is already in completed state."),
    "JobScheduleDisabled": (409, "The specified job schedule is disabled."),
    "JobScheduleExists": (409, "The specified job schedule already exists."),
    "JobScheduleNotFound": (404, "The specified job schedule does not exist."),
    "JobScheduleWithSameIdExists": (
        409,
        "A job schedule with the specified job id exists. Job and job schedule cannot have the "
        "same id.",
    ),
    "JobWithSameIdExists": (
        409,
        "A job with the specified job schedule id exists. Job and job schedule cannot have the "
        "same id.",
    ),
    "MissingRequiredProperty": (
        400,
        "A required property was not specified in the request body.",
    ),
    "MissingRequiredQueryParameter": (
        400,
        "A required query parameter was not specified for this request.",
    ),
    "JobPreparationTaskNotSpecified": (
        409,
        "The specified job does not have a Job Preparation task.",
    ),
    "NodeAlreadyInTargetSchedulingState": (
        409,
        "The specified node is already in the target scheduling state.",
    ),
    "NodeBeingCreated": (409, "The specified node is being created."),
    "NodeBeingRebooted": (409, "The specified node is being rebooted."),
    "NodeBeingReimaged": (409, "The specified node is being reimaged."),
    "NodeBeingStarted": (409, "The specified node is being started."),
    "NodeNotFound": (404, "The specified node does not exist."),
    "NodeStateUnusable": (409, "The state of the specified node is unusable."),
    "NodeUserExists": (409, "The specified node user already exists."),
    "NodeUserNotFound": (404, "The specified node user does not exist."),
    "OperationInvalidForCurrentState": (
        409,
        "The specified operation is not valid for the current state of the resource.",
    ),
    "OperationNotValidOnNode": (409, "The specified operation is not valid on the node."),
    "OperationNotValidOnPool": (409, "The specified operation is not valid on the pool."),
    "OperationTimedOut": (
        500,
        "The operation could not be completed within the permitted time.",
    ),
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
    "PoolQuotaReached": (409, "Pool quota for the account has been reached."),
    "PropertyCannotBeUpdated": (
        400,
        "A property that cannot be updated was specified as part of the request.",
    ),
    "RequestBodyTooLarge": (
        413,
        "The size of the request body exceeds the maximum size permitted.",
    ),
    "ResourceNotFound": (404, "The specified resource does not exist."),
    "ServerBusy": (
        503,
        "The server is currently unable to receive requests. Please retry your request.",
    ),
    "StorageAccountNotFound": (404, "The specified storage account was not found."),
    "TaskCompleted": (409, "The specified task is already in a completed state."),
    "TaskDependenciesNotSpecifiedOnJob": (
        400,
        "A task was specified as depending on other tasks, but the job did not specify that it "
        "would use task dependencies.",
    ),
    "TaskDependencyListTooLong": (
        400,
        "The list of tasks that the task depends on is too long.",
    ),
    "TaskExists": (409, "The specified task already exists."),
    "TaskFilesCleanedup": (409, "The files of the specified task are cleanedup."),
    "TaskFilesUnavailable": (409, "The files of the specified task are unavailable."),
    "TaskIdSameAsJobPreparationTask": (
        409,
        "The specified task id is same as the job preparation task of the job.",
    ),
    "TaskIdSameAsJobReleaseTask": (
        409,
        "The specified task id is same as the job release task of the job.",
    ),
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
    "TooManyRequests": (
        429,
        "Request failed as server encountered too many requests. Please try again.",
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
        self.details = {name: _told(value) for name, value in details.items()}
        # what the answer is to say besides, such as Retry-After
        self.headers: dict[str, str] = {}

    def body(self, request_id: str, now: datetime) -> dict[str, Any]:
        """The error as JSON, with the request and time in its sentence as the service adds them."""
        text = f"{self.sentence}\nRequestId:{request_id}\nTime:{format_time(now)}"
        body: dict[str, Any] = {"code": self.code, "message": {"lang": "en-US", "value": text}}
        if self.details:
            body["values"] = [{"key": key, "value": value} for key, value in self.details.items()]
        return body


def _told(value: object) -> str:
    """A value as the client wrote it."""
    return json.dumps(value) if isinstance(value, dict | list | bool) else str(value)


def invalid_property(name: str, value: object, reason: str) -> BatchError:
    """The error for a property of the body that has a value it may not have; it tells no secret."""
    told = tellable(name, value)
    return BatchError("InvalidPropertyValue", PropertyName=name, PropertyValue=told, Reason=reason)


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
