"""What can go wrong. Every class derives from `ComposioError`.

The native module raises the class that `BY_KIND` names for an error's kind. The classes beyond those exist so that
`except` clauses written for the hosted service's own package keep working.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class ComposioDeprecationWarning(DeprecationWarning):
    """An old name was used; the message says the new one."""


class ComposioError(Exception):
    """The base of every error.

    Attributes:
        message: What went wrong, for people. `str()` adds the suggested fix and the request id.
        kind: The error's kind, a word that is the same in every language; empty where Python code raised it.
        status: The HTTP status of the answer, if there was one. `status_code` is the same.
        code: The backend's own error code, a number or a text.
        slug: The backend's name for the error.
        suggested_fix: What the caller can do about it.
        request_id: The backend's id of the request.
        retryable: Whether the same call may succeed later.
        details: What else the kind calls for.

    >>> error = ComposioError("no such tool", status=404, suggested_fix="search first", request_id="r1")
    >>> str(error), error.status_code
    ('no such tool (search first) [request r1]', 404)
    """

    def __init__(
        self,
        message: str = "",
        *,
        kind: str = "",
        status: int | None = None,
        code: int | str | None = None,
        slug: str | None = None,
        suggested_fix: str | None = None,
        request_id: str | None = None,
        retryable: bool = False,
        details: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.kind = kind
        self.status = status
        self.code = code
        self.slug = slug
        self.suggested_fix = suggested_fix
        self.request_id = request_id
        self.retryable = retryable
        self.details: dict[str, Any] = details or {}

    @property
    def status_code(self) -> int | None:
        """The HTTP status of the answer, if there was one."""
        return self.status

    def __str__(self) -> str:
        fix = f" ({self.suggested_fix})" if self.suggested_fix else ""
        request = f" [request {self.request_id}]" if self.request_id else ""
        return f"{self.message}{fix}{request}"


# What the backend answered, by HTTP status, and what kept it from answering.


class NotFoundError(ComposioError):
    """HTTP 404."""


class HTTPError(ComposioError):
    """An exchange with the backend failed."""


class BadRequestError(HTTPError):
    """HTTP 400, or a 4xx without a class of its own."""


class AuthenticationError(HTTPError):
    """HTTP 401."""


class PermissionDeniedError(HTTPError):
    """HTTP 403."""


class ConflictError(HTTPError):
    """HTTP 409."""


class UnprocessableEntityError(HTTPError):
    """HTTP 422."""


class RateLimitError(HTTPError):
    """HTTP 429."""


class InternalServerError(HTTPError):
    """HTTP 5xx."""


class APIConnectionError(HTTPError):
    """No answer: the name did not resolve, or the connection failed or broke."""


class APITimeoutError(APIConnectionError):
    """No answer within the time limit."""


# The caller's side.


class ValidationError(ComposioError):
    """The input is wrong; nothing was sent."""


class UsageError(ComposioError):
    """The call does not fit the backend, or its configuration is wrong."""


class ComposioClientError(ComposioError):
    """The client cannot do what was asked of it."""


class SDKError(ComposioError):
    """A defect of this library."""


class ApiKeyError(ComposioClientError):
    """Something is wrong with an API key."""


class ApiKeyNotProvidedError(ApiKeyError, NotFoundError):
    """The HTTP backend was asked for without a key."""


class UserApiKeyNotProvidedError(ApiKeyError):
    """A user's API key is missing."""


class MCPDestinationError(ComposioClientError):
    """The session's MCP server lies on another origin than the backend that the key is for."""


class SessionConfigConflictError(ComposioClientError):
    """The session's configuration has moved on since `expected_config_version`."""


class ToolInputRequiredError(ComposioClientError):
    """The tool waits for the user's answer.

    Call `execute` again with `input_responses` and this error's `request_state`.
    """

    @property
    def input_requests(self) -> dict[str, Any]:
        """What the user is asked, by key."""
        requests = self.details.get("input_requests")
        return requests if isinstance(requests, dict) else {}

    @property
    def request_state(self) -> str | None:
        """To be sent back with the answers."""
        return self.details.get("request_state")


class ComposioSDKTimeoutError(ComposioError, TimeoutError):
    """The connected account was not active before the deadline."""


# Files.


class FileError(ComposioError):
    """A file could not be read or written here."""


class SDKFileNotFoundError(ComposioError, FileNotFoundError):
    """A file of the caller's does not exist."""


class ErrorUploadingFile(FileError):
    """A presigned upload failed."""


class ErrorDownloadingFile(FileError):
    """A download failed."""


class RemoteFileDownloadError(FileError):
    """A presigned download failed."""


class ResponseTooLargeError(FileError):
    """A body is larger than the limit."""


class BlockedInternalUrlError(FileError):
    """A URL to upload from points into this machine or its private network."""


class UnsafePathComponentError(FileError):
    """A remote name would leave the folder it belongs in."""


class SensitiveFilePathBlockedError(FileError):
    """The path is one that holds secrets."""


class FileUploadPathNotAllowedError(FileError):
    """The path lies outside the folders that uploads may come from."""


class FileUploadAbortedError(FileError):
    """A `before_file_upload` modifier refused the upload."""


# Resources.


class ResourceError(ComposioClientError):
    """Something is wrong with a resource."""


class NoItemsFound(ResourceError):
    """The resource is empty."""


class ErrorFetchingResource(ResourceError):
    """The resource could not be read."""


class ConnectedAccountError(ResourceError):
    """The connected account ended as failed, expired, inactive or revoked."""


class ConnectedAccountNotFoundError(NotFoundError, ConnectedAccountError):
    """There is no such connected account."""


class InvalidConnectedAccount(ValidationError, ConnectedAccountError):
    """The connected account does not fit the call."""


class ComposioMultipleConnectedAccountsError(ConnectedAccountError):
    """The user has an active connected account already, and none is to be added."""


class ComposioLegacyConnectedAccountsEndpointRetiredError(ConnectedAccountError):
    """The backend no longer connects accounts in this way."""


class ComposioConnectedAccountRevocationNotSupportedError(ConnectedAccountError):
    """The toolkit cannot revoke accounts."""


class ComposioConnectedAccountNotRevokableError(ConnectedAccountError):
    """The account cannot be revoked in its present status."""


class ComposioAclOnlyForSharedError(ConnectedAccountError):
    """Only shared accounts have an access list."""


class ComposioSharedAccessDeniedError(ConnectedAccountError):
    """The user may not share this account."""


class ComposioSharedConnectionNotAccessibleError(ConnectedAccountError):
    """The user may not use this shared account."""


class IntegrationError(ResourceError):
    """Something is wrong with an auth config."""


# Toolkits, tools and schemas.


class ToolkitError(ComposioError):
    """Something is wrong with a toolkit."""


class ToolNotFoundError(NotFoundError):
    """There is no such tool."""


class SchemaError(ToolkitError):
    """Something is wrong with a schema."""


class InvalidSchemaError(SchemaError, TypeError):
    """The schema is not a JSON Schema."""


class JSONSchemaRefResolutionError(ValidationError):
    """A `$ref` leads nowhere."""


class ProcessorError(SDKError):
    """A schema or result could not be processed."""


class ActionError(ToolkitError):
    """A tool failed."""


class InvalidModifier(ComposioError):
    """A modifier is of no known kind."""


class InvalidExecuteFunctionError(ComposioError):
    """A custom tool's function cannot be called."""


class ExecuteToolFnNotSetError(ComposioError):
    """The provider has no way to run tools."""


class ToolVersionRequiredError(ComposioError):
    """The call must name the tool's version."""


class InvalidParams(ComposioError):
    """The parameters do not go together."""


class PluginError(ComposioError):
    """A provider failed."""


class ErrorProcessingToolExecutionRequest(PluginError):
    """A tool's request could not be processed."""


class EntityIDError(ComposioError):
    """Something is wrong with a user id."""


class InvalidEntityIdError(EntityIDError, ValueError):
    """The user id is malformed."""


# Enumerations, lock files and versions.


class EnumError(ComposioError):
    """A word is not one of those known."""


class InvalidVersionString(EnumError):
    """The version is malformed."""


class InvalidEnum(EnumError):
    """The word is malformed."""


class EnumStringNotFound(EnumError):
    """The word is unknown."""


class EnumMetadataNotFound(EnumError):
    """Nothing is known about the word."""


class LockFileError(ComposioError):
    """Something is wrong with a lock file."""


class VersionError(ComposioError):
    """Something is wrong with a version."""


class InvalidLockFile(LockFileError):
    """The lock file is malformed."""


class VersionSelectionError(LockFileError, VersionError):
    """No version fits the lock file."""


# Triggers and identity providers.


class TriggerError(ToolkitError):
    """Something is wrong with a trigger."""


class WebhookSignatureVerificationError(TriggerError):
    """The webhook's signature is wrong."""


class WebhookPayloadError(TriggerError):
    """The webhook's payload is malformed."""


class TriggerTypeNotFound(TriggerError, NotFoundError):
    """There is no such trigger type."""


class TriggerSubscriptionError(TriggerError, ComposioClientError):
    """The subscription failed."""


class InvalidTriggerFilters(TriggerSubscriptionError):
    """The filters are malformed."""


class TriggerSubscriptionAuthError(TriggerSubscriptionError):
    """The subscription was refused."""


class InvalidPusherClusterError(TriggerSubscriptionError, ValidationError):
    """The cluster is malformed."""


class DescopeAuthError(ComposioError):
    """The identity provider refused."""


class DescopeConfigError(ComposioError):
    """The identity provider is not configured."""


BY_KIND: dict[str, type[ComposioError]] = {
    "validation": ValidationError,
    "api_key_not_provided": ApiKeyNotProvidedError,
    "configuration": UsageError,
    "bad_request": BadRequestError,
    "authentication": AuthenticationError,
    "permission_denied": PermissionDeniedError,
    "not_found": NotFoundError,
    "conflict": ConflictError,
    "session_config_conflict": SessionConfigConflictError,
    "unprocessable_entity": UnprocessableEntityError,
    "rate_limit": RateLimitError,
    "internal_server": InternalServerError,
    "connection": APIConnectionError,
    "timeout": APITimeoutError,
    "invalid_reply": HTTPError,
    "mcp_destination": MCPDestinationError,
    "tool_input_required": ToolInputRequiredError,
    "connected_account": ConnectedAccountError,
    "multiple_connected_accounts": ComposioMultipleConnectedAccountsError,
    "wait_timeout": ComposioSDKTimeoutError,
    "file_not_found": SDKFileNotFoundError,
    "file": FileError,
    "unsafe_path": UnsafePathComponentError,
    "blocked_url": BlockedInternalUrlError,
    "sensitive_file": SensitiveFilePathBlockedError,
    "upload_not_allowed": FileUploadPathNotAllowedError,
    "upload": ErrorUploadingFile,
    "download": RemoteFileDownloadError,
    "too_large": ResponseTooLargeError,
    "unsupported": UsageError,
    "closed": ComposioClientError,
    "internal": SDKError,
}
"""The class for each kind of error."""
