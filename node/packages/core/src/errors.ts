/** What can go wrong: a class for each kind of error, all of them below {@link ComposioError}. */

/** What an error knows beside its message. */
export interface ErrorFields {
  /** The error's kind, a word that is the same in every language; empty where this package raised it. */
  kind?: string;
  /** The HTTP status of the answer. */
  status?: number;
  /** The backend's own error code. */
  code?: number | string;
  /** The backend's name for the error. */
  slug?: string;
  /** What the caller can do about it. */
  suggestedFix?: string;
  /** The backend's id of the request. */
  requestId?: string;
  /** Whether the same call may succeed later. */
  retryable?: boolean;
  /** What else the kind calls for. */
  details?: Record<string, unknown>;
  /** What led to it. */
  cause?: unknown;
}

/** The base of every error. No field ever holds a key, token or secret. */
export class ComposioError extends Error {
  /** The error's kind, a word that is the same in every language; empty where this package raised it. */
  declare readonly kind: string;
  /** The HTTP status of the answer, if there was one. */
  declare readonly status: number | undefined;
  /** The backend's own error code. */
  declare readonly code: number | string | undefined;
  /** The backend's name for the error. */
  declare readonly slug: string | undefined;
  /** What the caller can do about it. */
  declare readonly suggestedFix: string | undefined;
  /** The backend's id of the request. */
  declare readonly requestId: string | undefined;
  /** Whether the same call may succeed later. */
  declare readonly retryable: boolean;
  /** What else the kind calls for. */
  declare readonly details: Record<string, unknown>;

  constructor(message: string, fields: ErrorFields = {}) {
    super(message, "cause" in fields ? { cause: fields.cause } : undefined);
    // What is not known is no property, so that a log shows what is.
    Object.assign(this, { kind: "", retryable: false, details: {} }, fields);
  }

  /** The class's name. */
  override get name(): string {
    return this.constructor.name;
  }

  /** The message, the suggested fix and the request id in one line. */
  override toString(): string {
    const fix = this.suggestedFix === undefined ? "" : ` (${this.suggestedFix})`;
    const request = this.requestId === undefined ? "" : ` [request ${this.requestId}]`;
    return `${this.name}: ${this.message}${fix}${request}`;
  }
}

/** An exchange with the backend failed. */
export class APIError extends ComposioError {}
/** HTTP 400, or a 4xx without a class of its own. */
export class BadRequestError extends APIError {}
/** HTTP 401. */
export class AuthenticationError extends APIError {}
/** HTTP 403. */
export class PermissionDeniedError extends APIError {}
/** HTTP 404. */
export class NotFoundError extends APIError {}
/** HTTP 409. */
export class ConflictError extends APIError {}
/** HTTP 422. */
export class UnprocessableEntityError extends APIError {}
/** HTTP 429. */
export class RateLimitError extends APIError {}
/** HTTP 5xx. */
export class InternalServerError extends APIError {}
/** No answer: the name did not resolve, or the connection failed or broke. */
export class APIConnectionError extends APIError {}
/** No answer within the time limit. */
export class APIConnectionTimeoutError extends APIConnectionError {}

/** The input is wrong; nothing was sent. */
export class ValidationError extends ComposioError {}
/** The call does not fit the backend, or its configuration is wrong. */
export class UsageError extends ComposioError {}
/** The client cannot do what was asked of it. */
export class ComposioClientError extends ComposioError {}
/** A defect of this library. */
export class SDKError extends ComposioError {}
/** The HTTP backend was asked for without a key. */
export class ApiKeyNotProvidedError extends ComposioClientError {}
/** The call's `AbortSignal` was aborted; `cause` is the signal's reason. */
export class ComposioRequestCancelledError extends ComposioClientError {}
/** The session's MCP server lies on another origin than the backend that the key is for. */
export class MCPDestinationError extends ComposioClientError {}
/** The session's configuration has moved on since `expectedConfigVersion`. */
export class SessionConfigConflictError extends ComposioClientError {}

/** The tool waits for the user's answer: call again with `inputResponses` and this error's `requestState`. */
export class ToolInputRequiredError extends ComposioClientError {
  /** What the user is asked, by key. */
  get inputRequests(): Record<string, unknown> {
    const requests = this.details["inputRequests"];
    return typeof requests === "object" && requests !== null ? (requests as Record<string, unknown>) : {};
  }

  /** To be sent back with the answers. */
  get requestState(): string | undefined {
    const state = this.details["requestState"];
    return typeof state === "string" ? state : undefined;
  }
}

/** The connected account ended as failed, expired, inactive or revoked. */
export class ConnectedAccountError extends ComposioClientError {}
/** The user has an active connected account already, and none is to be added. */
export class ComposioMultipleConnectedAccountsError extends ConnectedAccountError {}
/** The connected account was not active before the deadline; the message names it. */
export class ComposioSDKTimeoutError extends ComposioError {}

/** A file could not be read or written here. */
export class FileError extends ComposioError {}
/** A file of the caller's does not exist. */
export class SDKFileNotFoundError extends FileError {}
/** A remote name would leave the folder it belongs in. */
export class UnsafePathComponentError extends FileError {}
/** A URL to upload from points into this machine or its private network. */
export class BlockedInternalUrlError extends FileError {}
/** The path is one that holds secrets. */
export class SensitiveFilePathBlockedError extends FileError {}
/** The path lies outside the folders that uploads may come from. */
export class FileUploadPathNotAllowedError extends FileError {}
/** A `beforeFileUpload` modifier refused the upload. */
export class FileUploadAbortedError extends FileError {}
/** A presigned upload failed. */
export class ErrorUploadingFile extends FileError {}
/** A presigned download failed. */
export class RemoteFileDownloadError extends FileError {}
/** A body is larger than the limit. */
export class ResponseTooLargeError extends FileError {}
/** A modifier is malformed or returned something unusable. */
export class InvalidModifier extends ComposioError {}

/** The class for each kind of error; `errorKinds()` of the native module lists the kinds. */
export const errorClasses: Readonly<Record<string, new (message: string, fields?: ErrorFields) => ComposioError>> = {
  validation: ValidationError,
  api_key_not_provided: ApiKeyNotProvidedError,
  configuration: UsageError,
  bad_request: BadRequestError,
  authentication: AuthenticationError,
  permission_denied: PermissionDeniedError,
  not_found: NotFoundError,
  conflict: ConflictError,
  session_config_conflict: SessionConfigConflictError,
  unprocessable_entity: UnprocessableEntityError,
  rate_limit: RateLimitError,
  internal_server: InternalServerError,
  connection: APIConnectionError,
  timeout: APIConnectionTimeoutError,
  invalid_reply: APIError,
  mcp_destination: MCPDestinationError,
  tool_input_required: ToolInputRequiredError,
  connected_account: ConnectedAccountError,
  multiple_connected_accounts: ComposioMultipleConnectedAccountsError,
  wait_timeout: ComposioSDKTimeoutError,
  file_not_found: SDKFileNotFoundError,
  file: FileError,
  unsafe_path: UnsafePathComponentError,
  blocked_url: BlockedInternalUrlError,
  sensitive_file: SensitiveFilePathBlockedError,
  upload_not_allowed: FileUploadPathNotAllowedError,
  upload: ErrorUploadingFile,
  download: RemoteFileDownloadError,
  too_large: ResponseTooLargeError,
  unsupported: UsageError,
  closed: ComposioClientError,
  internal: SDKError,
};
