package dev.composio

import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive

/** Keeps the blocks of the builders from reaching into each other. */
@DslMarker
public annotation class ComposioDsl

/** Which of several: only these, all but these, and those that are asked about first. */
@ComposioDsl
public class Selection internal constructor() {
    private val lists = LinkedHashMap<String, JsonElement>()

    /** Only these. */
    public fun enable(vararg names: String): Unit = put("enable", names)

    /** All but these. */
    public fun disable(vararg names: String): Unit = put("disable", names)

    /** The user is asked before each of these runs. */
    public fun requireApproval(vararg names: String): Unit = put("require_approval", names)

    private fun put(name: String, names: Array<out String>) {
        lists[name] = JsonArray(names.map(::JsonPrimitive))
    }

    internal fun build(): JsonObject = JsonObject(lists)
}

/** What a session may do. What is not said is as the backend has it. */
@ComposioDsl
public abstract class SessionSettings internal constructor() {
    internal val values: MutableMap<String, JsonElement> = LinkedHashMap()
    private val experimental: MutableMap<String, JsonElement> = LinkedHashMap()

    /** Only these toolkits; none allows none. */
    public fun toolkits(vararg slugs: String): Unit = set("toolkits", strings(slugs))

    /** Which toolkits. */
    public fun toolkits(select: Selection.() -> Unit): Unit = set("toolkits", Selection().apply(select).build())

    /** Only these tools of a toolkit. */
    public fun tools(toolkit: String, vararg slugs: String): Unit = merge("tools", toolkit, strings(slugs))

    /** Which tools of a toolkit. */
    public fun tools(toolkit: String, select: Selection.() -> Unit): Unit =
        merge("tools", toolkit, Selection().apply(select).build())

    /** Only tools with these tags, such as `readOnlyHint`. */
    public fun tags(vararg tags: String): Unit = set("tags", strings(tags))

    /** Which tools, by tag. */
    public fun tags(select: Selection.() -> Unit): Unit = set("tags", Selection().apply(select).build())

    /** Whether and how the model may connect accounts. */
    public fun manageConnections(
        enable: Boolean = true,
        callbackUrl: String? = null,
        waitForConnections: Boolean? = null,
    ): Unit = set(
        "manage_connections",
        given("enable" to json(enable), "callback_url" to json(callbackUrl), "wait_for_connections" to json(waitForConnections)),
    )

    /** The auth config of each toolkit. */
    public fun authConfigs(vararg configs: Pair<String, String>): Unit =
        configs.forEach { (toolkit, config) -> merge("auth_configs", toolkit, JsonPrimitive(config)) }

    /** The connected accounts to use for a toolkit. */
    public fun connectedAccounts(toolkit: String, vararg ids: String): Unit =
        merge("connected_accounts", toolkit, strings(ids))

    /** The sandbox for code. `autoOffloadThreshold` is in characters; a size is `standard`, `medium`, `large` or `xlarge`. */
    public fun sandbox(
        enable: Boolean? = null,
        enableProxyExecution: Boolean? = null,
        autoOffloadThreshold: Int? = null,
        sandboxSize: String? = null,
    ): Unit = set("sandbox", sandboxOf(enable, enableProxyExecution, autoOffloadThreshold, sandboxSize))

    /** The older name of [sandbox]. */
    public fun workbench(
        enable: Boolean? = null,
        enableProxyExecution: Boolean? = null,
        autoOffloadThreshold: Int? = null,
        sandboxSize: String? = null,
    ): Unit = set("workbench", sandboxOf(enable, enableProxyExecution, autoOffloadThreshold, sandboxSize))

    /** Several connected accounts of one toolkit, 2 to 10. */
    public fun multiAccount(
        enable: Boolean = true,
        maxAccountsPerToolkit: Int? = null,
        requireExplicitSelection: Boolean? = null,
    ): Unit = set(
        "multi_account",
        given(
            "enable" to json(enable),
            "max_accounts_per_toolkit" to json(maxAccountsPerToolkit),
            "require_explicit_selection" to json(requireExplicitSelection),
        ),
    )

    /** Whether raw API calls are allowed. */
    public fun proxyExecute(enable: Boolean): Unit = set("proxy_execute", given("enable" to json(enable)))

    /** Tools that are listed directly. */
    public fun preload(vararg tools: String): Unit = set("preload", given("tools" to strings(tools)))

    /** All tools are listed directly. */
    public fun preloadAll(): Unit = set("preload", given("tools" to json("all")))

    /** The user's IANA time zone, for the assistive prompt. */
    public fun userTimezone(zone: String): Unit =
        experimental("assistive_prompt", given("user_timezone" to json(zone)))

    /** What a call that needs the user comes to where the user cannot be asked: `deny` or `allow`. */
    public fun noElicitationSupportFallback(action: String): Unit =
        experimental("no_elicitation_support_fallback", JsonPrimitive(action))

    /** Sets an option by its name in the contract, for what has no function here. */
    public fun set(option: String, value: JsonElement) {
        values[option] = value
    }

    private fun experimental(name: String, value: JsonElement) {
        experimental[name] = value
    }

    private fun merge(option: String, key: String, value: JsonElement) {
        values[option] = JsonObject((values[option] as? JsonObject).orEmpty() + (key to value))
    }

    private fun sandboxOf(enable: Boolean?, proxy: Boolean?, threshold: Int?, size: String?): JsonObject = given(
        "enable" to json(enable),
        "enable_proxy_execution" to json(proxy),
        "auto_offload_threshold" to json(threshold),
        "sandbox_size" to json(size),
    )

    internal open fun build(): JsonObject {
        if (experimental.isEmpty()) return JsonObject(values)
        val all = (values["experimental"] as? JsonObject).orEmpty() + experimental
        return JsonObject(values + ("experimental" to JsonObject(all)))
    }
}

private fun strings(values: Array<out String>): JsonArray = JsonArray(values.map(::JsonPrimitive))

/** The options of [Composio.create]. */
public class SessionOptions internal constructor() : SessionSettings() {
    internal val custom: CustomTools = CustomTools()

    /** Adds custom tools; see [customTool]. */
    public fun customTools(vararg tools: CustomTool): Unit = custom.tools(*tools)

    /** Adds toolkits of custom tools; see [customToolkit]. */
    public fun customToolkits(vararg toolkits: CustomToolkit): Unit = custom.toolkits(*toolkits)

    /** Lists every tool directly, without the meta tools. */
    public fun directTools(): Unit = set("session_preset", JsonPrimitive("direct_tools"))

    /** The session is used over MCP: one on a foreign MCP server is an error. */
    public fun mcp(): Unit = set("mcp", JsonPrimitive(true))
}

/** The options of [Session.update]: what is not said stays, [clear] removes what was stored. */
public class SessionUpdate internal constructor() : SessionSettings() {
    /** Removes what was stored for an option. */
    public fun clear(vararg options: Setting): Unit = options.forEach { set(it.wire, JsonNull) }

    /** Applies the change only to this version; another one is a [ComposioException.SessionConfigConflict]. */
    public fun expectedConfigVersion(version: Long): Unit = set("expected_config_version", JsonPrimitive(version))
}

/** The options that an update can clear. */
public enum class Setting(internal val wire: String) {
    /** Which toolkits. */
    TOOLKITS("toolkits"),

    /** Which tools of a toolkit. */
    TOOLS("tools"),

    /** Which tools, by tag. */
    TAGS("tags"),

    /** Whether the model may connect accounts. */
    MANAGE_CONNECTIONS("manage_connections"),

    /** The auth configs. */
    AUTH_CONFIGS("auth_configs"),

    /** The connected accounts. */
    CONNECTED_ACCOUNTS("connected_accounts"),

    /** The sandbox. */
    SANDBOX("sandbox"),

    /** The older name of the sandbox. */
    WORKBENCH("workbench"),

    /** Several accounts of a toolkit. */
    MULTI_ACCOUNT("multi_account"),

    /** Raw API calls. */
    PROXY_EXECUTE("proxy_execute"),

    /** Hooks. */
    HOOKS("hooks"),

    /** What is listed directly. */
    PRELOAD("preload"),

    /** How tools are searched. */
    SEARCH("search"),

    /** How tools are run. */
    EXECUTE("execute"),

    /** What is experimental. */
    EXPERIMENTAL("experimental"),
}
