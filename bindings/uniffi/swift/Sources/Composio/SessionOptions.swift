/// Which of several: only some, all but some, and those that are asked about first.
public struct Selection: Sendable, Hashable, ExpressibleByArrayLiteral {
    /// Only these.
    public var enable: [String]?
    /// All but these.
    public var disable: [String]?
    /// The user is asked before each of these runs.
    public var requireApproval: [String]?

    /// What is nil is not said.
    public init(enable: [String]? = nil, disable: [String]? = nil, requireApproval: [String]? = nil) {
        (self.enable, self.disable, self.requireApproval) = (enable, disable, requireApproval)
    }

    /// Only these.
    public init(arrayLiteral elements: String...) {
        self.init(enable: elements)
    }

    var json: JSON {
        .given(["enable": .of(enable), "disable": .of(disable), "require_approval": .of(requireApproval)])
    }
}

/// Whether and how the model may connect accounts.
public struct ManageConnections: Sendable, Hashable {
    /// Whether it may.
    public var enable: Bool
    /// Where the user's browser goes afterwards.
    public var callbackURL: String?
    /// Whether the model can wait until an account is connected.
    public var waitForConnections: Bool?

    /// What is nil is not said.
    public init(enable: Bool = true, callbackURL: String? = nil, waitForConnections: Bool? = nil) {
        (self.enable, self.callbackURL, self.waitForConnections) = (enable, callbackURL, waitForConnections)
    }

    var json: JSON {
        .given([
            "enable": .bool(enable), "callback_url": .of(callbackURL), "wait_for_connections": .of(waitForConnections),
        ])
    }
}

/// The sandbox for code.
public struct Sandbox: Sendable, Hashable {
    /// Whether there is one.
    public var enable: Bool?
    /// Whether code in it may call the toolkits' APIs.
    public var enableProxyExecution: Bool?
    /// From how many characters on a result is put into a file there.
    public var autoOffloadThreshold: Int?
    /// `standard`, `medium`, `large` or `xlarge`.
    public var size: String?

    /// What is nil is not said.
    public init(
        enable: Bool? = nil, enableProxyExecution: Bool? = nil, autoOffloadThreshold: Int? = nil, size: String? = nil
    ) {
        self.enable = enable
        self.enableProxyExecution = enableProxyExecution
        self.autoOffloadThreshold = autoOffloadThreshold
        self.size = size
    }

    var json: JSON {
        .given([
            "enable": .of(enable), "enable_proxy_execution": .of(enableProxyExecution),
            "auto_offload_threshold": .of(autoOffloadThreshold), "sandbox_size": .of(size),
        ])
    }
}

/// Several connected accounts of one toolkit.
public struct MultiAccount: Sendable, Hashable {
    /// Whether there may be several.
    public var enable: Bool
    /// How many, 2 to 10.
    public var maxAccountsPerToolkit: Int?
    /// Whether each call must name the account.
    public var requireExplicitSelection: Bool?

    /// What is nil is not said.
    public init(enable: Bool = true, maxAccountsPerToolkit: Int? = nil, requireExplicitSelection: Bool? = nil) {
        self.enable = enable
        self.maxAccountsPerToolkit = maxAccountsPerToolkit
        self.requireExplicitSelection = requireExplicitSelection
    }

    var json: JSON {
        .given([
            "enable": .bool(enable), "max_accounts_per_toolkit": .of(maxAccountsPerToolkit),
            "require_explicit_selection": .of(requireExplicitSelection),
        ])
    }
}

/// Which tools are listed directly, and not only found by search.
public enum Preload: Sendable, Hashable {
    /// All of them.
    case all
    /// These.
    case tools([String])

    var json: JSON {
        switch self {
        case .all: ["tools": "all"]
        case .tools(let slugs): ["tools": .array(slugs.map(JSON.string))]
        }
    }
}

/// What a session may do. What is nil is as the backend has it.
public struct SessionOptions: Sendable, Hashable {
    /// Which toolkits; an empty list allows none.
    public var toolkits: Selection?
    /// Which tools of a toolkit.
    public var tools: [String: Selection]?
    /// Which tools, by tags such as `readOnlyHint`.
    public var tags: Selection?
    /// Whether and how the model may connect accounts.
    public var manageConnections: ManageConnections?
    /// The auth config of each toolkit.
    public var authConfigs: [String: String]?
    /// The connected accounts to use for each toolkit.
    public var connectedAccounts: [String: [String]]?
    /// The sandbox for code.
    public var sandbox: Sandbox?
    /// Several connected accounts of one toolkit.
    public var multiAccount: MultiAccount?
    /// Whether the toolkits' APIs may be called directly.
    public var proxyExecute: Bool?
    /// Which tools are listed directly.
    public var preload: Preload?
    /// Lists every tool directly, without the meta tools.
    public var directTools = false
    /// The user's IANA time zone, for the assistive prompt.
    public var userTimezone: String?
    /// The session is used over MCP: one on a foreign MCP server is an error.
    public var mcp = false
    /// Further options by their names in the contract; they go before the properties.
    public var more: JSON = [:]

    /// No options; set what is needed.
    public init(toolkits: Selection? = nil, tools: [String: Selection]? = nil, preload: Preload? = nil) {
        (self.toolkits, self.tools, self.preload) = (toolkits, tools, preload)
    }

    /// Options by their names in the contract.
    public init(json: JSON) {
        more = json
    }

    func json(userID: String) -> JSON {
        var members: [String: JSON?] = [
            "user_id": .string(userID),
            "toolkits": toolkits?.json,
            "tools": tools.map { .object($0.mapValues(\.json)) },
            "tags": tags?.json,
            "manage_connections": manageConnections?.json,
            "auth_configs": authConfigs.map { .object($0.mapValues(JSON.string)) },
            "connected_accounts": connectedAccounts.map { .object($0.mapValues { .array($0.map(JSON.string)) }) },
            "sandbox": sandbox?.json,
            "multi_account": multiAccount?.json,
            "proxy_execute": proxyExecute.map { ["enable": .bool($0)] },
            "preload": preload?.json,
            "session_preset": directTools ? "direct_tools" : nil,
            "mcp": mcp ? true : nil,
        ]
        if let userTimezone {
            var experimental = more["experimental"] ?? [:]
            experimental["assistive_prompt"] = ["user_timezone": .string(userTimezone)]
            members["experimental"] = .some(experimental)
            return .object(members.compactMapValues { $0 }.merging(more.object ?? [:]) { said, _ in said })
        }
        return .object(members.compactMapValues { $0 }.merging(more.object ?? [:]) { $1 })
    }
}

/// What an update does to a setting.
public enum Patch<Value: Sendable & Hashable>: Sendable, Hashable {
    /// It stays.
    case keep
    /// What was stored is removed.
    case clear
    /// It becomes this.
    case set(Value)

    func json(_ encode: (Value) -> JSON) -> JSON? {
        switch self {
        case .keep: nil
        case .clear: .null
        case .set(let value): encode(value)
        }
    }
}

/// A change of a session's configuration; see ``Session/update(_:)``.
public struct SessionUpdate: Sendable, Hashable {
    /// Which toolkits.
    public var toolkits: Patch<Selection> = .keep
    /// Which tools of a toolkit.
    public var tools: Patch<[String: Selection]> = .keep
    /// Which tools, by tag.
    public var tags: Patch<Selection> = .keep
    /// Whether and how the model may connect accounts.
    public var manageConnections: Patch<ManageConnections> = .keep
    /// The auth config of each toolkit.
    public var authConfigs: Patch<[String: String]> = .keep
    /// The connected accounts to use for each toolkit.
    public var connectedAccounts: Patch<[String: [String]]> = .keep
    /// The sandbox for code.
    public var sandbox: Patch<Sandbox> = .keep
    /// Several connected accounts of one toolkit.
    public var multiAccount: Patch<MultiAccount> = .keep
    /// Whether the toolkits' APIs may be called directly.
    public var proxyExecute: Patch<Bool> = .keep
    /// Which tools are listed directly.
    public var preload: Patch<Preload> = .keep
    /// Applies the change only to this version; another one is an error of the kind `sessionConfigConflict`.
    public var expectedConfigVersion: Int?
    /// Further settings by their names in the contract, null to clear; they go before the properties.
    public var more: JSON = [:]

    /// No change; set what is to change.
    public init() {}

    /// A change by the names of the contract: what is absent stays, null clears.
    public init(json: JSON) {
        more = json
    }

    var json: JSON {
        let members: [String: JSON?] = [
            "toolkits": toolkits.json(\.json),
            "tools": tools.json { .object($0.mapValues(\.json)) },
            "tags": tags.json(\.json),
            "manage_connections": manageConnections.json(\.json),
            "auth_configs": authConfigs.json { .object($0.mapValues(JSON.string)) },
            "connected_accounts": connectedAccounts.json { .object($0.mapValues { .array($0.map(JSON.string)) }) },
            "sandbox": sandbox.json(\.json),
            "multi_account": multiAccount.json(\.json),
            "proxy_execute": proxyExecute.json { ["enable": .bool($0)] },
            "preload": preload.json(\.json),
            "expected_config_version": .of(expectedConfigVersion),
        ]
        return .object(members.compactMapValues { $0 }.merging(more.object ?? [:]) { $1 })
    }
}
