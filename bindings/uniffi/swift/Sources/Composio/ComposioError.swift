import ComposioNative
import Foundation

/// Why a call has no result. No part of it ever holds a key, token or secret.
///
/// A call whose task was cancelled throws `CancellationError` instead.
public struct ComposioError: Error, Sendable, Hashable {
    /// What went wrong; the raw value is the same word in every language.
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        /// The input is wrong; nothing was sent.
        case validation
        /// The HTTP backend was asked for without a key.
        case apiKeyNotProvided = "api_key_not_provided"
        /// `composio.toml` or the router's options are wrong.
        case configuration
        /// HTTP 400, or a 4xx without a kind of its own.
        case badRequest = "bad_request"
        /// HTTP 401.
        case authentication
        /// HTTP 403, or a refusal by the session's settings.
        case permissionDenied = "permission_denied"
        /// HTTP 404.
        case notFound = "not_found"
        /// HTTP 409.
        case conflict
        /// The session's configuration has moved on since the expected version.
        case sessionConfigConflict = "session_config_conflict"
        /// HTTP 422.
        case unprocessableEntity = "unprocessable_entity"
        /// HTTP 429.
        case rateLimit = "rate_limit"
        /// HTTP 5xx.
        case internalServer = "internal_server"
        /// No answer: the name did not resolve, or the connection failed or broke.
        case connection
        /// No answer within the time limit.
        case timeout
        /// An answer that does not fit the contract.
        case invalidReply = "invalid_reply"
        /// The session's MCP server lies on another origin than the backend that the key is for.
        case mcpDestination = "mcp_destination"
        /// The tool waits for the user: ask for ``ComposioError/inputRequests`` and execute again with the answers.
        case toolInputRequired = "tool_input_required"
        /// The connected account ended as failed, expired, inactive or revoked.
        case connectedAccount = "connected_account"
        /// The user has an active connected account already, and none is to be added.
        case multipleConnectedAccounts = "multiple_connected_accounts"
        /// The connected account was not active before the deadline.
        case waitTimeout = "wait_timeout"
        /// A file of the caller's does not exist.
        case fileNotFound = "file_not_found"
        /// A file could not be read or written here.
        case file
        /// A remote name would leave the folder it belongs in.
        case unsafePath = "unsafe_path"
        /// A file of the caller's commonly holds credentials and is not uploaded.
        case sensitiveFile = "sensitive_file"
        /// A file lies outside of the folders that may be uploaded from, or a modifier refused it.
        case uploadNotAllowed = "upload_not_allowed"
        /// A URL to upload from points into this machine or its private network.
        case blockedURL = "blocked_url"
        /// A presigned upload failed.
        case upload
        /// A presigned download failed.
        case download
        /// A body is larger than the limit.
        case tooLarge = "too_large"
        /// This backend cannot do that; the message says what can.
        case unsupported
        /// The client was closed.
        case closed
        /// A defect of this library.
        case `internal`
    }

    /// What went wrong.
    public let kind: Kind
    /// The same for people.
    public let message: String
    /// The HTTP status of the answer, if there was one.
    public let status: Int?
    /// The backend's own error code, a number or a text.
    public let code: JSON?
    /// The backend's name for the error.
    public let slug: String?
    /// What the caller can do about it.
    public let suggestedFix: String?
    /// The backend's id of the request.
    public let requestID: String?
    /// Whether the same call may succeed later.
    public let isRetryable: Bool
    /// What else the kind calls for.
    public let details: JSON?

    /// Of the kind ``Kind/toolInputRequired``: what the user is asked, by key.
    public var inputRequests: JSON? { details?["input_requests"] }

    /// Of the kind ``Kind/toolInputRequired``: to be sent back with the answers.
    public var requestState: String? { details?["request_state"]?.string }

    init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
        (status, code, slug, suggestedFix, requestID, isRetryable, details) = (nil, nil, nil, nil, nil, false, nil)
    }

    init(_ fields: ErrorFields) {
        // The tests hold the kinds against the library's own list.
        kind = Kind(rawValue: fields.kind) ?? .internal
        message = fields.message
        status = fields.status.map(Int.init)
        code = fields.code.flatMap(Self.json)
        slug = fields.slug
        suggestedFix = fields.suggestedFix
        requestID = fields.requestId
        isRetryable = fields.retryable
        details = fields.details.flatMap(Self.json)
    }

    static func validation(_ message: String) -> Self { Self(.validation, message) }

    /// What the library gives is JSON; what is `null` is nothing.
    private static func json(_ text: String) -> JSON? {
        guard let json = try? JSON(parsing: text), !json.isNull else { return nil }
        return json
    }
}

extension ComposioError: CustomStringConvertible, LocalizedError {
    /// The message, the suggested fix and the request id.
    public var description: String {
        let fix = suggestedFix.map { " (\($0))" } ?? ""
        let request = requestID.map { " [request \($0)]" } ?? ""
        return message + fix + request
    }

    /// The same as ``description``.
    public var errorDescription: String? { description }
}

/// Runs native code; what it throws becomes an error of this package.
func lifting<Value>(_ work: () throws -> Value) throws -> Value {
    do {
        return try work()
    } catch {
        throw lifted(error)
    }
}

/// The same for a call that the task's cancellation stops: its request is dropped.
func nativeCall<Value: Sendable>(_ work: @Sendable (CancelToken) async throws -> Value) async throws -> Value {
    try Task.checkCancellation()
    let token = CancelToken()
    do {
        return try await withTaskCancellationHandler {
            try await work(token)
        } onCancel: {
            token.cancel()
        }
    } catch {
        throw lifted(error)
    }
}

func lifted(_ error: any Error) -> any Error {
    switch error {
    case NativeError.Failed(let fields): ComposioError(fields)
    case NativeError.Cancelled: CancellationError()
    case is ComposioError, is CancellationError: error
    default: ComposioError(.internal, "the native library failed: \(error)")
    }
}
