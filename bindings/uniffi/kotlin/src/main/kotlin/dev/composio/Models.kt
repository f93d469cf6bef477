package dev.composio

import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive

/** A toolkit as a tool names it. */
public class ToolToolkit internal constructor(json: JsonObject) : Reply(json) {
    /** The toolkit's slug. */
    public val slug: String get() = string("slug")

    /** The name for people. */
    public val name: String get() = string("name")
}

/** A tool as the backend lists it. */
public class Tool internal constructor(json: JsonObject) : Reply(json) {
    /** The tool's slug. */
    public val slug: String get() = string("slug")

    /** The name for people. */
    public val name: String get() = string("name")

    /** What it does, for a model. */
    public val description: String get() = string("description")

    /** Its toolkit. */
    public val toolkit: ToolToolkit get() = ToolToolkit(child("toolkit") ?: JsonObject(emptyMap()))

    /** The JSON Schema of the arguments. */
    public val inputParameters: JsonObject get() = child("input_parameters") ?: JsonObject(emptyMap())

    /** The JSON Schema of the result, if there is one. */
    public val outputParameters: JsonObject? get() = child("output_parameters")

    /** Hints such as `readOnlyHint`. */
    public val tags: List<String> get() = strings("tags")

    /** The same tool with another description or input schema, for a model. */
    public fun copy(
        description: String = this.description,
        inputParameters: JsonObject = this.inputParameters,
    ): Tool {
        val changes = mapOf("description" to JsonPrimitive(description), "input_parameters" to inputParameters)
        return Tool(JsonObject(json + changes))
    }
}

/** What a tool answered. A failed tool is an answer too: [error] says why. */
public class ExecuteResult internal constructor(json: JsonObject) : Reply(json) {
    /** The tool's result. */
    public val data: JsonElement get() = element("data")

    /** Why it failed. */
    public val error: String? get() = optionalString("error")

    /** The backend's id of the execution. */
    public val logId: String get() = string("log_id")

    /** `completed`, `failed`, or another type of the contract. */
    public val resultType: String? get() = optionalString("result_type")

    /** Whether the tool did its work. */
    public val successful: Boolean get() = error == null && (resultType ?: "completed") == "completed"
}

/** What the proxied API answered. */
public class ProxyResult internal constructor(json: JsonObject) : Reply(json) {
    /** The API's HTTP status. */
    public val status: Int get() = int("status")

    /** The body, where it was JSON or text. */
    public val data: JsonElement get() = element("data")

    /** The answer's headers. */
    public val headers: JsonObject get() = child("headers") ?: JsonObject(emptyMap())

    /** Where a binary body is. */
    public val binaryData: JsonObject? get() = child("binary_data")
}

/** What a tool call of a model came to; after-execute modifiers may replace it by a [copy]. */
public class ToolCallResult internal constructor(json: JsonObject) : Reply(json) {
    /** The tool's result. */
    public val data: JsonElement get() = element("data")

    /** Why it failed. */
    public val error: String? get() = optionalString("error")

    /** Whether the tool did its work. */
    public val successful: Boolean get() = bool("successful")

    /** The same result with other data. */
    public fun copy(data: JsonElement): ToolCallResult = ToolCallResult(JsonObject(json + ("data" to data)))
}

/** The tools for one use case, best first. */
public class SearchResult internal constructor(json: JsonObject) : Reply(json) {
    /** The use case. */
    public val useCase: String get() = string("use_case")

    /** The tools to use. */
    public val primaryToolSlugs: List<String> get() = strings("primary_tool_slugs")

    /** Tools that may help. */
    public val relatedToolSlugs: List<String> get() = strings("related_tool_slugs")

    /** Their toolkits. */
    public val toolkits: List<String> get() = strings("toolkits")

    /** How to go about it. */
    public val executionGuidance: String? get() = optionalString("execution_guidance")
}

/** The tools that were found, and their schemas by slug. */
public class SearchReply internal constructor(json: JsonObject) : Reply(json) {
    /** Whether the search worked. */
    public val success: Boolean get() = bool("success")

    /** Why it did not. */
    public val error: String? get() = optionalString("error")

    /** One result a use case. */
    public val results: List<SearchResult> get() = list("results", ::SearchResult)

    /** The tools' schemas by slug. */
    public val toolSchemas: JsonObject get() = child("tool_schemas") ?: JsonObject(emptyMap())
}

/** An account as a session's toolkit has it. */
public class ToolkitAccount internal constructor(json: JsonObject) : Reply(json) {
    /** The connected account's id. */
    public val id: String get() = string("id")

    /** `ACTIVE` once it can be used. */
    public val status: String get() = string("status")
}

/** Whether and how a toolkit is connected. */
public class ToolkitConnection internal constructor(json: JsonObject) : Reply(json) {
    /** Whether its tools can be used. */
    public val isActive: Boolean get() = bool("is_active")

    /** The account, if one is connected. */
    public val connectedAccount: ToolkitAccount? get() = child("connected_account")?.let(::ToolkitAccount)

    /** The auth config that it was connected with. */
    public val authConfig: JsonObject? get() = child("auth_config")
}

/** A toolkit of the session. */
public class ToolkitState internal constructor(json: JsonObject) : Reply(json) {
    /** The toolkit's slug. */
    public val slug: String get() = string("slug")

    /** The name for people. */
    public val name: String get() = string("name")

    /** The logo's URL. */
    public val logo: String? get() = optionalString("logo")

    /** Whether no account is needed. */
    public val isNoAuth: Boolean get() = bool("is_no_auth")

    /** The connection; null where none is needed. */
    public val connection: ToolkitConnection? get() = child("connection")?.let(::ToolkitConnection)
}

/** A page of a list. */
public class Page<T> internal constructor(json: JsonObject, read: (JsonObject) -> T) : Reply(json) {
    /** What is on the page. */
    public val items: List<T> = list("items", read)

    /** To be given for the next page; null on the last one. */
    public val nextCursor: String? get() = optionalString("next_cursor")

    /** How many pages there are. */
    public val totalPages: Int get() = int("total_pages")

    override fun toString(): String = "Page($items, nextCursor=$nextCursor)"
}

/** A connected account. Its state may hold credentials, so `toString` does not show [json]. */
public class ConnectedAccount internal constructor(json: JsonObject) : Reply(json) {
    /** The account's id. */
    public val id: String get() = string("id")

    /** `ACTIVE` once it can be used. */
    public val status: String get() = string("status")

    /** Why it has that status. */
    public val statusReason: String? get() = optionalString("status_reason")

    override fun toString(): String = "ConnectedAccount(id=$id, status=$status)"
}

/** A refreshed account. */
public class ConnectedAccountRefresh internal constructor(json: JsonObject) : Reply(json) {
    /** The account's id. */
    public val id: String get() = string("id")

    /** `ACTIVE`, or `INITIATED` where its user must connect it again. */
    public val status: String get() = string("status")

    /** Where the user goes to connect it again, if they must. */
    public val redirectUrl: String? get() = optionalString("redirect_url")

    override fun toString(): String = "ConnectedAccountRefresh(id=$id, status=$status)"
}

/** An account that was revoked. */
public class ConnectedAccountRevocation internal constructor(json: JsonObject) : Reply(json) {
    /** The account. */
    public val connectedAccount: ToolkitAccount? get() = child("connected_account")?.let(::ToolkitAccount)

    /** What the provider revoked: `access_token`, `refresh_token`, `credential`. */
    public val revokedTokens: List<String> get() = strings("revoked_tokens")
}

/** An account that was connected. */
public class CompletedAuth internal constructor(json: JsonObject) : Reply(json) {
    /** The account's id. */
    public val connectedAccountId: String get() = string("connected_account_id")

    /** Its toolkit. */
    public val toolkitSlug: String get() = string("toolkit_slug")
}

/** That something was done. */
public class Done internal constructor(json: JsonObject) : Reply(json) {
    /** Whether it was. */
    public val success: Boolean get() = bool("success")
}

/** How the accounts of a toolkit are made. It may hold a client's secret, so `toString` does not show [json]. */
public class AuthConfig internal constructor(json: JsonObject) : Reply(json) {
    /** The auth config's id. */
    public val id: String get() = string("id")

    /** The auth scheme, such as `OAUTH2`. */
    public val authScheme: String? get() = optionalString("auth_scheme")

    override fun toString(): String = "AuthConfig(id=$id)"
}

/** A toolkit of the catalogue. */
public class Toolkit internal constructor(json: JsonObject) : Reply(json) {
    /** The toolkit's slug. */
    public val slug: String get() = string("slug")

    /** The name for people. */
    public val name: String get() = string("name")

    /** Whether no account is needed. */
    public val noAuth: Boolean get() = bool("no_auth")
}

/** A custom tool of a session, under its final slug. */
public class RegisteredCustomTool internal constructor(json: JsonObject) : Reply(json) {
    /** The final slug. */
    public val slug: String get() = string("slug")

    /** The name for people. */
    public val name: String get() = string("name")

    /** What it does, for a model. */
    public val description: String get() = string("description")

    /** The JSON Schema of the arguments. */
    public val inputSchema: JsonObject get() = child("input_schema") ?: JsonObject(emptyMap())

    /** The JSON Schema of the result, if there is one. */
    public val outputSchema: JsonObject? get() = child("output_schema")

    /** The toolkit that it belongs to. */
    public val toolkit: String? get() = optionalString("toolkit")
}

/** A custom toolkit of a session. */
public class RegisteredCustomToolkit internal constructor(json: JsonObject) : Reply(json) {
    /** The toolkit's slug. */
    public val slug: String get() = string("slug")

    /** The name for people. */
    public val name: String get() = string("name")

    /** What it is for. */
    public val description: String get() = string("description")

    /** Its tools. */
    public val tools: List<RegisteredCustomTool> get() = list("tools", ::RegisteredCustomTool)
}

/** A place where a provider does not take a tool's schema as it is. */
public class SchemaChange internal constructor(json: JsonObject) : Reply(json) {
    /** The place in the schema that the provider gets, as a JSON pointer. */
    public val path: String get() = string("path")

    /** The keyword that it is about. */
    public val keyword: String get() = string("keyword")

    /** What became of it: `dropped` or `rewritten`. */
    public val change: String get() = string("change")

    /** Why. */
    public val reason: String get() = string("reason")
}

/** How a provider takes a tool. */
public class ToolSchemaReport internal constructor(json: JsonObject) : Reply(json) {
    /** The tool. */
    public val slug: String get() = string("slug")

    /** The name that the model knows it by: the slug, or an alias of at most 64 characters. */
    public val name: String get() = string("name")

    /** Whether the provider holds a model to the schema. */
    public val isStrict: Boolean get() = bool("strict")

    /** Why it does not. */
    public val notStrict: String? get() = optionalString("not_strict")

    /** What became of the schema. */
    public val changes: List<SchemaChange> get() = list("changes", ::SchemaChange)
}

/** One version of a session's configuration. */
public class ConfigVersion internal constructor(json: JsonObject) : Reply(json) {
    /** The version, from 1. */
    public val version: Long get() = long("version")

    /** The configuration. */
    public val config: JsonObject get() = child("config") ?: JsonObject(emptyMap())

    /** Whether it holds now. */
    public val isCurrent: Boolean get() = bool("is_current")

    /** When it was made, RFC 3339. */
    public val createdAt: String get() = string("created_at")
}

/** The session that was deleted. */
public class DeletedSession internal constructor(json: JsonObject) : Reply(json) {
    /** Its id. */
    public val sessionId: String get() = string("session_id")

    /** Whether it is gone. */
    public val deleted: Boolean get() = bool("deleted")
}

/** Where a session is served over MCP. Headers authenticate there, and a query may: `toString` shows neither. */
public class McpServer internal constructor(
    /** `http` or `sse`. */
    public val type: String,
    /** The endpoint. */
    public val url: String,
    /** What authenticates there. */
    public val headers: Map<String, String>,
) {
    override fun toString(): String {
        val address = url.substringBefore('?') + if ('?' in url) "?***" else ""
        return "McpServer(type=$type, url=$address, headers=${headers.keys.associateWith { "***" }})"
    }
}
