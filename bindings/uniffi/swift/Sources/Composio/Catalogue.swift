import ComposioNative

/// A tool as the backend lists it.
public struct Tool: Reply {
    public var json: JSON
    public init(json: JSON) { self.json = json }

    /// The tool's slug.
    public var slug: String { string("slug") }
    /// The name for people.
    public var name: String { string("name") }
    /// What it does, for a model; a schema modifier may change it.
    public var toolDescription: String {
        get { string("description") }
        set { json["description"] = .string(newValue) }
    }
    /// The JSON Schema of the arguments; a schema modifier may change it.
    public var inputParameters: JSON {
        get { json["input_parameters"] ?? [:] }
        set { json["input_parameters"] = newValue }
    }
    /// The JSON Schema of the result, if there is one.
    public var outputParameters: JSON? { json["output_parameters"] }
    /// The slug of its toolkit.
    public var toolkitSlug: String { json["toolkit"]?["slug"]?.string ?? "" }
    /// Hints such as `readOnlyHint`.
    public var tags: [String] { strings("tags") }
}

/// A toolkit of the catalogue.
public struct Toolkit: Reply {
    public let json: JSON
    public init(json: JSON) { self.json = json }

    /// The toolkit's slug.
    public var slug: String { string("slug") }
    /// The name for people.
    public var name: String { string("name") }
    /// Whether no account is needed.
    public var needsNoAccount: Bool { bool("no_auth") }
}

/// A connected account. Its state may hold credentials, so the description does not show ``json``.
public struct ConnectedAccount: Reply {
    public let json: JSON
    public init(json: JSON) { self.json = json }

    /// The account's id.
    public var id: String { string("id") }
    /// `ACTIVE` once it can be used.
    public var status: String { string("status") }
    /// Why it has that status.
    public var statusReason: String? { optionalString("status_reason") }

    /// The id and the status.
    public var description: String { "ConnectedAccount(\(id), \(status))" }
}

/// A toolkit of a session, and whether it is connected.
public struct ToolkitState: Reply {
    public let json: JSON
    public init(json: JSON) { self.json = json }

    /// The toolkit's slug.
    public var slug: String { string("slug") }
    /// The name for people.
    public var name: String { string("name") }
    /// The logo's URL.
    public var logo: String? { optionalString("logo") }
    /// Whether no account is needed.
    public var needsNoAccount: Bool { bool("is_no_auth") }
    /// The connection; nil where none is needed.
    public var connection: ToolkitConnection? { object("connection") }
}

/// Whether and how a toolkit is connected.
public struct ToolkitConnection: Reply {
    public let json: JSON
    public init(json: JSON) { self.json = json }

    /// Whether its tools can be used.
    public var isActive: Bool { bool("is_active") }
    /// The account, if one is connected.
    public var connectedAccount: ConnectedAccount? { object("connected_account") }
    /// The auth config that it was connected with.
    public var authConfig: JSON? { json["auth_config"] }
}

/// The catalogue of toolkits.
public struct Toolkits: Sendable {
    let client: NativeClient

    /// One toolkit.
    public func get(_ slug: String) async throws -> Toolkit {
        try await Toolkit(text: nativeCall { try await client.toolkit(slug: slug, cancel: $0) })
    }

    /// A page of toolkits.
    public func list(
        search: String? = nil, category: String? = nil, sortBy: String? = nil, managedBy: String? = nil, limit: Int? = nil,
        cursor: String? = nil
    ) async throws -> Page<Toolkit> {
        let query = JSON.given([
            "search": .of(search), "category": .of(category), "sort_by": .of(sortBy), "managed_by": .of(managedBy),
            "limit": .of(limit), "cursor": .of(cursor),
        ])
        return try await Page(text: nativeCall { try await client.toolkits(query: query.text, cancel: $0) })
    }
}

/// The catalogue of tools.
public struct Tools: Sendable {
    let client: NativeClient

    /// One tool.
    public func get(_ slug: String) async throws -> Tool {
        try await Tool(text: nativeCall { try await client.tool(slug: slug, cancel: $0) })
    }

    /// A page of tools, by slug, by words, or by toolkit.
    public func list(
        tools: [String]? = nil, search: String? = nil, toolkits: [String]? = nil, limit: Int? = nil
    ) async throws -> Page<Tool> {
        let query = JSON.given([
            "tool_slugs": .of(tools?.joined(separator: ",")), "toolkit_slug": .of(toolkits?.joined(separator: ",")),
            "query": .of(search), "limit": .of(limit),
        ])
        return try await Page(text: nativeCall { try await client.tools(query: query.text, cancel: $0) })
    }
}

extension JSON {
    static func of(_ value: String?) -> JSON? { value.map(JSON.string) }
    static func of(_ value: Int?) -> JSON? { value.map { .number(Number($0)) } }
    static func of(_ value: Bool?) -> JSON? { value.map(JSON.bool) }
    static func of(_ values: [String]?) -> JSON? { values.map { .array($0.map(JSON.string)) } }

    /// An object of what is there.
    static func given(_ members: [String: JSON?]) -> JSON {
        .object(members.compactMapValues { $0 })
    }
}
