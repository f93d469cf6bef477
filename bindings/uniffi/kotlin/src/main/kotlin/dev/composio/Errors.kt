package dev.composio

import dev.composio.ffi.ErrorFields
import dev.composio.ffi.NativeException
import kotlinx.coroutines.CancellationException
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.contentOrNull

/** What an error says; made by the core, or here. */
internal class Fields(
    val kind: String,
    val message: String,
    val status: Int? = null,
    val code: JsonElement? = null,
    val slug: String? = null,
    val suggestedFix: String? = null,
    val requestId: String? = null,
    val retryable: Boolean = false,
    val details: JsonObject? = null,
)

/**
 * Why a call has no result: one class for each kind of error. No part of it ever holds a key, token or secret.
 *
 * `message` says what went wrong; `toString()` adds the suggested fix and the request id.
 */
public sealed class ComposioException private constructor(private val fields: Fields, cause: Throwable? = null) :
    Exception(fields.message, cause) {

    /** The error's kind, a word that is the same in every language. */
    public val kind: String get() = fields.kind

    /** The HTTP status of the answer, if there was one. */
    public val status: Int? get() = fields.status

    /** The backend's own error code, a number or a text. */
    public val code: JsonElement? get() = fields.code

    /** The backend's name for the error. */
    public val slug: String? get() = fields.slug

    /** What the caller can do about it. */
    public val suggestedFix: String? get() = fields.suggestedFix

    /** The backend's id of the request. */
    public val requestId: String? get() = fields.requestId

    /** Whether the same call may succeed later. */
    public val retryable: Boolean get() = fields.retryable

    /** What else the kind calls for. */
    public val details: JsonObject? get() = fields.details

    override fun toString(): String = "${this::class.simpleName}: ${described()}"

    internal fun described(): String {
        val fix = suggestedFix?.let { " ($it)" }.orEmpty()
        val request = requestId?.let { " [request $it]" }.orEmpty()
        return "$message$fix$request"
    }

    /** The input is wrong; nothing was sent. */
    public class Validation internal constructor(fields: Fields) : ComposioException(fields)

    /** The HTTP backend was asked for without a key. */
    public class ApiKeyNotProvided internal constructor(fields: Fields) : ComposioException(fields)

    /** `composio.toml` or the router's options are wrong. */
    public class Configuration internal constructor(fields: Fields) : ComposioException(fields)

    /** HTTP 400, or a 4xx without a class of its own. */
    public class BadRequest internal constructor(fields: Fields) : ComposioException(fields)

    /** HTTP 401. */
    public class Authentication internal constructor(fields: Fields) : ComposioException(fields)

    /** HTTP 403, or a refusal by the session's settings. */
    public class PermissionDenied internal constructor(fields: Fields) : ComposioException(fields)

    /** HTTP 404. */
    public class NotFound internal constructor(fields: Fields) : ComposioException(fields)

    /** HTTP 409. */
    public class Conflict internal constructor(fields: Fields) : ComposioException(fields)

    /** The session's configuration has moved on since `expectedConfigVersion`. */
    public class SessionConfigConflict internal constructor(fields: Fields) : ComposioException(fields)

    /** HTTP 422. */
    public class UnprocessableEntity internal constructor(fields: Fields) : ComposioException(fields)

    /** HTTP 429. */
    public class RateLimit internal constructor(fields: Fields) : ComposioException(fields)

    /** HTTP 5xx. */
    public class InternalServer internal constructor(fields: Fields) : ComposioException(fields)

    /** No answer: the name did not resolve, or the connection failed or broke. */
    public class Connection internal constructor(fields: Fields) : ComposioException(fields)

    /** No answer within the time limit. */
    public class Timeout internal constructor(fields: Fields) : ComposioException(fields)

    /** An answer that does not fit the contract. */
    public class InvalidReply internal constructor(fields: Fields) : ComposioException(fields)

    /** The session's MCP server lies on another origin than the backend that the key is for. */
    public class McpDestination internal constructor(fields: Fields) : ComposioException(fields)

    /** The tool waits for the user's answer. Call `execute` again with `inputResponses` and this `requestState`. */
    public class ToolInputRequired internal constructor(fields: Fields) : ComposioException(fields) {
        /** What the user is asked, by key. */
        public val inputRequests: JsonObject
            get() = details?.get("input_requests") as? JsonObject ?: JsonObject(emptyMap())

        /** To be sent back with the answers. */
        public val requestState: String? get() = (details?.get("request_state") as? JsonPrimitive)?.contentOrNull
    }

    /** The connected account ended as failed, expired, inactive or revoked. */
    public class ConnectedAccount internal constructor(fields: Fields) : ComposioException(fields)

    /** The user has an active connected account already, and none is to be added. */
    public class MultipleConnectedAccounts internal constructor(fields: Fields) : ComposioException(fields)

    /** The connected account was not active before the deadline. */
    public class WaitTimeout internal constructor(fields: Fields) : ComposioException(fields)

    /** A file of the caller's does not exist. */
    public class FileNotFound internal constructor(fields: Fields) : ComposioException(fields)

    /** A file could not be read or written here. */
    public class File internal constructor(fields: Fields) : ComposioException(fields)

    /** A remote name would leave the folder it belongs in. */
    public class UnsafePath internal constructor(fields: Fields) : ComposioException(fields)

    /** A file of the caller's commonly holds credentials and is not uploaded. */
    public class SensitiveFile internal constructor(fields: Fields) : ComposioException(fields)

    /** A file lies outside of the folders that may be uploaded from, or a modifier refused it. */
    public class UploadNotAllowed internal constructor(fields: Fields) : ComposioException(fields)

    /** A URL to upload from points into this machine or its private network. */
    public class BlockedUrl internal constructor(fields: Fields) : ComposioException(fields)

    /** A presigned upload failed. */
    public class Upload internal constructor(fields: Fields) : ComposioException(fields)

    /** A presigned download failed. */
    public class Download internal constructor(fields: Fields) : ComposioException(fields)

    /** A body is larger than the limit. */
    public class TooLarge internal constructor(fields: Fields) : ComposioException(fields)

    /** This backend cannot do that; the message says what can. */
    public class Unsupported internal constructor(fields: Fields) : ComposioException(fields)

    /** The client or session was closed. */
    public class Closed internal constructor(fields: Fields) : ComposioException(fields)

    /** A defect of this library. */
    public class Internal private constructor(fields: Fields, cause: Throwable?) : ComposioException(fields, cause) {
        internal constructor(fields: Fields) : this(fields, null)

        internal constructor(message: String, cause: Throwable) : this(Fields("internal", message), cause)
    }

    internal companion object {
        /** The one table from kinds to classes. */
        val classes: Map<String, (Fields) -> ComposioException> = mapOf(
            "validation" to ::Validation,
            "api_key_not_provided" to ::ApiKeyNotProvided,
            "configuration" to ::Configuration,
            "bad_request" to ::BadRequest,
            "authentication" to ::Authentication,
            "permission_denied" to ::PermissionDenied,
            "not_found" to ::NotFound,
            "conflict" to ::Conflict,
            "session_config_conflict" to ::SessionConfigConflict,
            "unprocessable_entity" to ::UnprocessableEntity,
            "rate_limit" to ::RateLimit,
            "internal_server" to ::InternalServer,
            "connection" to ::Connection,
            "timeout" to ::Timeout,
            "invalid_reply" to ::InvalidReply,
            "mcp_destination" to ::McpDestination,
            "tool_input_required" to ::ToolInputRequired,
            "connected_account" to ::ConnectedAccount,
            "multiple_connected_accounts" to ::MultipleConnectedAccounts,
            "wait_timeout" to ::WaitTimeout,
            "file_not_found" to ::FileNotFound,
            "file" to ::File,
            "unsafe_path" to ::UnsafePath,
            "sensitive_file" to ::SensitiveFile,
            "upload_not_allowed" to ::UploadNotAllowed,
            "blocked_url" to ::BlockedUrl,
            "upload" to ::Upload,
            "download" to ::Download,
            "too_large" to ::TooLarge,
            "unsupported" to ::Unsupported,
            "closed" to ::Closed,
            "internal" to { fields -> Internal(fields) },
        )

        fun of(error: ErrorFields): ComposioException {
            val fields = Fields(
                kind = error.kind,
                message = error.message,
                status = error.status?.toInt(),
                code = error.code?.let(::parse)?.takeUnless { it is JsonNull },
                slug = error.slug,
                suggestedFix = error.suggestedFix,
                requestId = error.requestId,
                retryable = error.retryable,
                details = error.details?.let(::parse) as? JsonObject,
            )
            return classes[error.kind]?.invoke(fields) ?: Internal(fields)
        }
    }
}

internal fun validation(message: String): ComposioException.Validation =
    ComposioException.Validation(Fields("validation", message))

/** Runs native code; what it throws becomes an error of this package. */
internal inline fun <T> native(work: () -> T): T = try {
    work()
} catch (error: NativeException.Failed) {
    throw ComposioException.of(error.fields)
} catch (error: NativeException.Cancelled) {
    throw CancellationException("the call was cancelled", error)
} catch (error: CancellationException) {
    throw error
} catch (error: IllegalStateException) {
    // The generated classes say so of an object whose handle was let go.
    throw ComposioException.Closed(Fields("closed", "the client or session was closed"))
} catch (error: dev.composio.ffi.InternalException) {
    throw ComposioException.Internal("the native library failed: ${error.message}", error)
}
