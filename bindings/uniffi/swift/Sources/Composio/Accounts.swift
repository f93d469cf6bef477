import ComposioNative

/// A refreshed account.
public struct ConnectedAccountRefresh: Reply {
    public let json: JSON
    public init(json: JSON) { self.json = json }

    /// The account's id.
    public var id: String { string("id") }
    /// `ACTIVE`, or `INITIATED` where its user must connect it again.
    public var status: String { string("status") }
    /// Where the user goes to connect it again, if they must.
    public var redirectURL: String? { optionalString("redirect_url") }

    /// The id and the status.
    public var description: String { "ConnectedAccountRefresh(\(id), \(status))" }
}

/// An account that was revoked.
public struct ConnectedAccountRevocation: Reply {
    public let json: JSON
    public init(json: JSON) { self.json = json }

    /// The account.
    public var connectedAccount: ConnectedAccount? { object("connected_account") }
    /// What the provider revoked: `access_token`, `refresh_token`, `credential`.
    public var revokedTokens: [String] { strings("revoked_tokens") }
}

/// An account that was connected.
public struct CompletedAuth: Reply {
    public let json: JSON
    public init(json: JSON) { self.json = json }

    /// The account's id.
    public var connectedAccountID: String { string("connected_account_id") }
    /// Its toolkit.
    public var toolkitSlug: String { string("toolkit_slug") }
}

/// That something was done.
public struct Done: Reply {
    public let json: JSON
    public init(json: JSON) { self.json = json }

    /// Whether it was.
    public var success: Bool { bool("success") }
}

/// How the accounts of a toolkit are made. It may hold a client's secret, so the description does not show ``json``.
public struct AuthConfig: Reply {
    public let json: JSON
    public init(json: JSON) { self.json = json }

    /// The auth config's id.
    public var id: String { string("id") }
    /// The auth scheme, such as `OAUTH2`.
    public var authScheme: String? { optionalString("auth_scheme") }

    /// The id.
    public var description: String { "AuthConfig(\(id))" }
}

extension NativeClient {
    fileprivate func manage(_ name: String, _ id: String = "", _ options: JSON = [:]) async throws -> String {
        try await nativeCall { try await self.manage(name: name, id: id, options: options.text, cancel: $0) }
    }
}

/// The project's connected accounts.
public struct ConnectedAccounts: Sendable {
    let client: NativeClient

    /// One connected account.
    public func get(_ id: String) async throws -> ConnectedAccount {
        try await ConnectedAccount(text: client.manage("connected_accounts.get", id))
    }

    /// A page of connected accounts.
    public func list(
        userIDs: [String]? = nil, toolkitSlugs: [String]? = nil, statuses: [String]? = nil, limit: Int? = nil,
        cursor: String? = nil
    ) async throws -> Page<ConnectedAccount> {
        let query = JSON.given([
            "user_ids": .of(userIDs), "toolkit_slugs": .of(toolkitSlugs), "statuses": .of(statuses), "limit": .of(limit),
            "cursor": .of(cursor),
        ])
        return try await Page(text: client.manage("connected_accounts.list", "", query))
    }

    /// Starts connecting an account of a user, without a session; ``Session/authorize(_:callbackURL:alias:experimental:)``
    /// does so within one.
    ///
    /// - Parameters:
    ///   - callbackURL: where the user's browser goes afterwards.
    ///   - allowsMultiple: whether the user may have several accounts of the auth config.
    /// - Throws: ``ComposioError`` of the kind `multipleConnectedAccounts`, where the user has an active one and may not.
    public func link(
        userID: String, authConfigID: String, callbackURL: String? = nil, alias: String? = nil,
        allowsMultiple: Bool = false, experimental: JSON? = nil
    ) async throws -> ConnectionRequest {
        let options = JSON.given([
            "user_id": .string(userID), "auth_config_id": .string(authConfigID), "callback_url": .of(callbackURL),
            "alias": .of(alias), "allow_multiple": .bool(allowsMultiple), "experimental": experimental,
        ])
        return try await request(client.manage("connected_accounts.link", "", options))
    }

    /// Makes an account of a user, active at once where `config` has its credential, else as
    /// ``link(userID:authConfigID:callbackURL:alias:allowsMultiple:experimental:)`` does.
    ///
    /// - Parameter config: `auth_scheme` and `val`, such as `["auth_scheme": "API_KEY", "val": ["api_key": "…"]]`.
    /// - Throws: ``ComposioError`` of the kinds `multipleConnectedAccounts`, or `validation`, where the credential is of
    ///   another scheme than the toolkit's.
    public func initiate(
        userID: String, authConfigID: String, callbackURL: String? = nil, alias: String? = nil,
        allowsMultiple: Bool = false, config: JSON? = nil
    ) async throws -> ConnectionRequest {
        let options = JSON.given([
            "user_id": .string(userID), "auth_config_id": .string(authConfigID), "callback_url": .of(callbackURL),
            "alias": .of(alias), "allow_multiple": .bool(allowsMultiple), "config": config,
        ])
        return try await request(client.manage("connected_accounts.initiate", "", options))
    }

    private func request(_ text: String) throws -> ConnectionRequest {
        ConnectionRequest(json: try JSON(parsing: text), client: client)
    }

    /// Finishes a connection with the URL that the provider sent the user's browser to, for an app that receives it.
    @discardableResult
    public func completeAuth(userID: String, sessionURI: String) async throws -> CompletedAuth {
        let options: JSON = ["user_id": .string(userID), "session_uri": .string(sessionURI)]
        return try await CompletedAuth(text: client.manage("connected_accounts.complete_auth", "", options))
    }

    /// Changes an account's alias or its credential, an object with `state`. What is not mentioned stays.
    ///
    /// - Throws: ``ComposioError`` of the kind `validation`, where nothing is to be changed, or another account of the user
    ///   has the alias.
    @discardableResult
    public func update(_ id: String, alias: Patch<String> = .keep, connection: JSON? = nil) async throws -> Done {
        let changes = JSON.given(["alias": alias.json(JSON.string), "connection": connection])
        return try await Done(text: client.manage("connected_accounts.update", id, changes))
    }

    /// Switches an account on.
    @discardableResult
    public func enable(_ id: String) async throws -> Done {
        try await Done(text: client.manage("connected_accounts.enable", id))
    }

    /// Switches an account off; calls no longer use it.
    @discardableResult
    public func disable(_ id: String) async throws -> Done {
        try await Done(text: client.manage("connected_accounts.disable", id))
    }

    /// Deletes an account, where that is said after its tokens were revoked at the provider.
    @discardableResult
    public func delete(_ id: String, revokeOnDelete: Bool? = nil) async throws -> Done {
        let options = JSON.given(["revoke_on_delete": .of(revokeOnDelete)])
        return try await Done(text: client.manage("connected_accounts.delete", id, options))
    }

    /// Renews an account's credential now. Where only its user can, the answer says where they go, and the account keeps its
    /// id.
    ///
    /// - Parameter redirectURL: where the user's browser goes afterwards.
    public func refresh(_ id: String, redirectURL: String? = nil) async throws -> ConnectedAccountRefresh {
        let options = JSON.given(["redirect_url": .of(redirectURL)])
        return try await ConnectedAccountRefresh(text: client.manage("connected_accounts.refresh", id, options))
    }

    /// Revokes an account's tokens at the provider, and forgets them.
    @discardableResult
    public func revoke(_ id: String) async throws -> ConnectedAccountRevocation {
        try await ConnectedAccountRevocation(text: client.manage("connected_accounts.revoke", id))
    }

    /// Waits until an account is active; see ``ConnectionRequest/waitForConnection(timeout:)``.
    public func waitForConnection(_ id: String, timeout: Double? = nil) async throws -> ConnectedAccount {
        try await ConnectedAccount(
            text: nativeCall { try await client.waitForConnection(id: id, timeout: timeout, cancel: $0) })
    }
}

/// How the accounts of toolkits are made. The embedded router makes them of what the toolkits say.
public struct AuthConfigs: Sendable {
    let client: NativeClient

    /// One auth config.
    public func get(_ id: String) async throws -> AuthConfig {
        try await AuthConfig(text: client.manage("auth_configs.get", id))
    }

    /// A page of auth configs.
    public func list(
        toolkitSlug: String? = nil, limit: Int? = nil, cursor: String? = nil
    ) async throws -> Page<AuthConfig> {
        let query = JSON.given(["toolkit_slug": .of(toolkitSlug), "limit": .of(limit), "cursor": .of(cursor)])
        return try await Page(text: client.manage("auth_configs.list", "", query))
    }

    /// Makes an auth config of a toolkit; `config` is as the API has it.
    ///
    /// - Throws: ``ComposioError`` of the kind `unsupported`, by the embedded router, which makes its own.
    @discardableResult
    public func create(toolkit: String, config: JSON) async throws -> AuthConfig {
        try await AuthConfig(text: client.manage("auth_configs.create", toolkit, config))
    }

    /// Changes an auth config; `config` is as the API has it.
    @discardableResult
    public func update(_ id: String, config: JSON) async throws -> Done {
        try await Done(text: client.manage("auth_configs.update", id, config))
    }

    /// Switches an auth config on.
    @discardableResult
    public func enable(_ id: String) async throws -> Done {
        try await Done(text: client.manage("auth_configs.enable", id))
    }

    /// Switches an auth config off.
    @discardableResult
    public func disable(_ id: String) async throws -> Done {
        try await Done(text: client.manage("auth_configs.disable", id))
    }

    /// Deletes an auth config.
    @discardableResult
    public func delete(_ id: String) async throws -> Done {
        try await Done(text: client.manage("auth_configs.delete", id))
    }
}
