package dev.composio

import dev.composio.ffi.NativeClient
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonObject

private suspend fun NativeClient.manage(
    name: String,
    id: String = "",
    vararg options: Pair<String, JsonElement?>,
): JsonObject = manageAll(name, id, given(*options))

private suspend fun NativeClient.manageAll(name: String, id: String, options: JsonObject): JsonObject =
    parseObject(nativeCall { manage(name, id, options.text(), null) })

/** The project's connected accounts. */
public class ConnectedAccounts internal constructor(private val native: NativeClient) {
    /** One connected account. */
    public suspend fun get(id: String): ConnectedAccount = ConnectedAccount(native.manage("connected_accounts.get", id))

    /** A page of connected accounts. */
    public suspend fun list(
        userIds: List<String>? = null,
        toolkitSlugs: List<String>? = null,
        statuses: List<String>? = null,
        limit: Int? = null,
        cursor: String? = null,
    ): Page<ConnectedAccount> = list(
        given(
            "user_ids" to json(userIds),
            "toolkit_slugs" to json(toolkitSlugs),
            "statuses" to json(statuses),
            "limit" to json(limit),
            "cursor" to json(cursor),
        ),
    )

    /** A page of connected accounts, by any parameter of the API. */
    public suspend fun list(query: JsonObject): Page<ConnectedAccount> =
        Page(native.manageAll("connected_accounts.list", "", query), ::ConnectedAccount)

    /**
     * Starts connecting an account of a user, without a session; [Session.authorize] does so within one.
     *
     * @param callbackUrl where the user's browser goes afterwards
     * @param allowMultiple whether the user may have several accounts of the auth config
     * @throws ComposioException.MultipleConnectedAccounts if the user has an active one and may not
     */
    public suspend fun link(
        userId: String,
        authConfigId: String,
        callbackUrl: String? = null,
        alias: String? = null,
        allowMultiple: Boolean = false,
        experimental: JsonObject? = null,
    ): ConnectionRequest = ConnectionRequest(
        native.manage(
            "connected_accounts.link",
            "",
            "user_id" to json(userId),
            "auth_config_id" to json(authConfigId),
            "callback_url" to json(callbackUrl),
            "alias" to json(alias),
            "allow_multiple" to json(allowMultiple),
            "experimental" to experimental,
        ),
        native,
    )

    /**
     * Makes an account of a user, active at once where [config] has its credential, else as [link] does.
     *
     * @param config `auth_scheme` and `val`, such as `{"auth_scheme": "API_KEY", "val": {"api_key": "…"}}`
     * @throws ComposioException.MultipleConnectedAccounts as [link]
     * @throws ComposioException.Validation if the credential is of another scheme than the toolkit's
     */
    public suspend fun initiate(
        userId: String,
        authConfigId: String,
        callbackUrl: String? = null,
        alias: String? = null,
        allowMultiple: Boolean = false,
        config: JsonObject? = null,
    ): ConnectionRequest = ConnectionRequest(
        native.manage(
            "connected_accounts.initiate",
            "",
            "user_id" to json(userId),
            "auth_config_id" to json(authConfigId),
            "callback_url" to json(callbackUrl),
            "alias" to json(alias),
            "allow_multiple" to json(allowMultiple),
            "config" to config,
        ),
        native,
    )

    /** Finishes a connection with the URL that the provider sent the user's browser to, for an app that receives it. */
    public suspend fun completeAuth(userId: String, sessionUri: String): CompletedAuth = CompletedAuth(
        native.manage(
            "connected_accounts.complete_auth",
            "",
            "user_id" to json(userId),
            "session_uri" to json(sessionUri),
        ),
    )

    /**
     * Changes an account; what is not mentioned stays.
     *
     * @throws ComposioException.Validation if nothing is to be changed, or another account of the user has the alias
     */
    public suspend fun update(id: String, changes: AccountChanges.() -> Unit): Done =
        Done(native.manageAll("connected_accounts.update", id, JsonObject(AccountChanges().apply(changes).fields)))

    /** Switches an account on. */
    public suspend fun enable(id: String): Done = Done(native.manage("connected_accounts.enable", id))

    /** Switches an account off; calls no longer use it. */
    public suspend fun disable(id: String): Done = Done(native.manage("connected_accounts.disable", id))

    /** Deletes an account, with [revokeOnDelete] after its tokens were revoked at the provider. */
    public suspend fun delete(id: String, revokeOnDelete: Boolean? = null): Done =
        Done(native.manage("connected_accounts.delete", id, "revoke_on_delete" to json(revokeOnDelete)))

    /**
     * Renews an account's credential now. Where only its user can, the answer says where they go, and the account keeps its
     * id.
     *
     * @param redirectUrl where the user's browser goes afterwards
     */
    public suspend fun refresh(id: String, redirectUrl: String? = null): ConnectedAccountRefresh =
        ConnectedAccountRefresh(native.manage("connected_accounts.refresh", id, "redirect_url" to json(redirectUrl)))

    /** Revokes an account's tokens at the provider, and forgets them. */
    public suspend fun revoke(id: String): ConnectedAccountRevocation =
        ConnectedAccountRevocation(native.manage("connected_accounts.revoke", id))

    /** Waits until an account is active; see [ConnectionRequest.waitForConnection]. */
    public suspend fun waitForConnection(id: String, timeout: Double? = null): ConnectedAccount =
        ConnectedAccount(parseObject(nativeCall { native.waitForConnection(id, timeout, null) }))
}

/** What is changed of a connected account. */
public class AccountChanges internal constructor() {
    internal val fields = mutableMapOf<String, JsonElement>()

    /** Another alias; null takes it away. */
    public fun alias(alias: String?) {
        fields["alias"] = json(alias) ?: JsonNull
    }

    /** Another credential, as the API has it: an object with `state`. */
    public fun connection(connection: JsonObject) {
        fields["connection"] = connection
    }
}

/** How the accounts of toolkits are made. The embedded router makes them of what the toolkits say. */
public class AuthConfigs internal constructor(private val native: NativeClient) {
    /** One auth config. */
    public suspend fun get(id: String): AuthConfig = AuthConfig(native.manage("auth_configs.get", id))

    /** A page of auth configs. */
    public suspend fun list(
        toolkitSlug: String? = null,
        limit: Int? = null,
        cursor: String? = null,
    ): Page<AuthConfig> = Page(
        native.manage(
            "auth_configs.list",
            "",
            "toolkit_slug" to json(toolkitSlug),
            "limit" to json(limit),
            "cursor" to json(cursor),
        ),
        ::AuthConfig,
    )

    /**
     * Makes an auth config of a toolkit; [config] is as the API has it.
     *
     * @throws ComposioException.Unsupported by the embedded router, which makes its own
     */
    public suspend fun create(toolkit: String, config: JsonObject): AuthConfig =
        AuthConfig(native.manageAll("auth_configs.create", toolkit, config))

    /** Changes an auth config; [config] is as the API has it. */
    public suspend fun update(id: String, config: JsonObject): Done =
        Done(native.manageAll("auth_configs.update", id, config))

    /** Switches an auth config on. */
    public suspend fun enable(id: String): Done = Done(native.manage("auth_configs.enable", id))

    /** Switches an auth config off. */
    public suspend fun disable(id: String): Done = Done(native.manage("auth_configs.disable", id))

    /** Deletes an auth config. */
    public suspend fun delete(id: String): Done = Done(native.manage("auth_configs.delete", id))
}
