/// What the backend answered: JSON, and properties for what it holds. A field that is missing reads as empty.
public protocol Reply: Sendable, Hashable, CustomStringConvertible {
    /// The whole answer, with fields that have no property too.
    var json: JSON { get }

    /// An answer that says this.
    init(json: JSON)
}

extension Reply {
    /// The JSON text.
    public var description: String { json.text }

    init(text: String) throws {
        self.init(json: try JSON(parsing: text))
    }

    func string(_ name: String) -> String { json[name]?.string ?? "" }
    func optionalString(_ name: String) -> String? { json[name]?.string }
    func int(_ name: String) -> Int { json[name]?.int ?? 0 }
    func bool(_ name: String) -> Bool { json[name]?.bool ?? false }
    func strings(_ name: String) -> [String] { json[name]?.array?.compactMap(\.string) ?? [] }
    func list<Item: Reply>(_ name: String) -> [Item] { json[name]?.array?.map(Item.init(json:)) ?? [] }

    func object<Item: Reply>(_ name: String) -> Item? {
        guard let value = json[name], value.object != nil else { return nil }
        return Item(json: value)
    }
}

/// A page of a list.
public struct Page<Item: Reply>: Reply {
    public let json: JSON
    public init(json: JSON) { self.json = json }

    /// What is on the page.
    public var items: [Item] { list("items") }
    /// To be given for the next page; nil on the last one.
    public var nextCursor: String? { optionalString("next_cursor") }
    /// How many pages there are.
    public var totalPages: Int { int("total_pages") }
}

/// What a tool answered. A failed tool is an answer too: ``error`` says why.
public struct ExecuteResult: Reply {
    public let json: JSON
    public init(json: JSON) { self.json = json }

    /// The tool's result.
    public var data: JSON { json["data"] ?? .null }
    /// Why it failed.
    public var error: String? { optionalString("error") }
    /// The backend's id of the execution.
    public var logID: String { string("log_id") }
    /// `completed`, `failed`, or another type of the contract.
    public var resultType: String? { optionalString("result_type") }
    /// Whether the tool did its work.
    public var isSuccessful: Bool { error == nil && (resultType ?? "completed") == "completed" }
}

/// What a model's tool call came to.
public struct ToolCallResult: Reply {
    public var json: JSON
    public init(json: JSON) { self.json = json }

    /// The tool's result; an after-execute modifier may change it.
    public var data: JSON {
        get { json["data"] ?? .null }
        set { json["data"] = newValue }
    }
    /// Why it failed.
    public var error: String? { optionalString("error") }
    /// Whether the tool did its work.
    public var isSuccessful: Bool { bool("successful") }
}

/// What a proxied API answered.
public struct ProxyResult: Reply {
    public let json: JSON
    public init(json: JSON) { self.json = json }

    /// The API's HTTP status.
    public var status: Int { int("status") }
    /// The body, where it was JSON or text.
    public var data: JSON { json["data"] ?? .null }
    /// The answer's headers.
    public var headers: JSON { json["headers"] ?? [:] }
    /// Where a binary body is.
    public var binaryData: JSON? { json["binary_data"] }
}

/// The tools for one use case, best first.
public struct SearchResult: Reply {
    public let json: JSON
    public init(json: JSON) { self.json = json }

    /// The use case.
    public var useCase: String { string("use_case") }
    /// The tools to use.
    public var primaryToolSlugs: [String] { strings("primary_tool_slugs") }
    /// Tools that may help.
    public var relatedToolSlugs: [String] { strings("related_tool_slugs") }
    /// Their toolkits.
    public var toolkits: [String] { strings("toolkits") }
    /// How to go about it.
    public var executionGuidance: String? { optionalString("execution_guidance") }
}

/// The tools that were found, and their schemas by slug.
public struct SearchReply: Reply {
    public let json: JSON
    public init(json: JSON) { self.json = json }

    /// Whether the search worked.
    public var isSuccessful: Bool { bool("success") }
    /// Why it did not.
    public var error: String? { optionalString("error") }
    /// One result a use case.
    public var results: [SearchResult] { list("results") }
    /// The tools' schemas by slug.
    public var toolSchemas: JSON { json["tool_schemas"] ?? [:] }
}

/// A place where a provider does not take a tool's schema as it is.
public struct SchemaChange: Reply {
    public let json: JSON
    public init(json: JSON) { self.json = json }

    /// The place in the schema that the provider gets, as a JSON pointer.
    public var path: String { string("path") }
    /// The keyword that it is about.
    public var keyword: String { string("keyword") }
    /// What became of it: `dropped` or `rewritten`.
    public var change: String { string("change") }
    /// Why.
    public var reason: String { string("reason") }
}

/// How a provider takes a tool.
public struct ToolSchemaReport: Reply {
    public let json: JSON
    public init(json: JSON) { self.json = json }

    /// The tool.
    public var slug: String { string("slug") }
    /// The name that the model knows it by: the slug, or an alias of at most 64 characters.
    public var name: String { string("name") }
    /// Whether the provider holds a model to the schema.
    public var isStrict: Bool { bool("strict") }
    /// Why it does not.
    public var notStrict: String? { optionalString("not_strict") }
    /// What became of the schema.
    public var changes: [SchemaChange] { list("changes") }
}

/// One version of a session's configuration.
public struct ConfigVersion: Reply {
    public let json: JSON
    public init(json: JSON) { self.json = json }

    /// The version, from 1.
    public var version: Int { int("version") }
    /// The configuration.
    public var config: JSON { json["config"] ?? [:] }
    /// Whether it holds now.
    public var isCurrent: Bool { bool("is_current") }
    /// When it was made, RFC 3339.
    public var createdAt: String { string("created_at") }
}

/// The session that was deleted.
public struct DeletedSession: Reply {
    public let json: JSON
    public init(json: JSON) { self.json = json }

    /// Its id.
    public var sessionID: String { string("session_id") }
    /// Whether it is gone.
    public var isDeleted: Bool { bool("deleted") }
}
