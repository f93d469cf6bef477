import ComposioNative

/// A custom tool: a function of this process that a session offers next to the backend's tools.
///
/// ```swift
/// let meeting = try CustomTool("MEETING", "Says when a meeting in Berlin begins in Tokyo.") {
///     Parameter.string("start", "When it begins in Berlin.")
/// } run: { (arguments: JSON, context) in
///     try await context.execute("TIME_CONVERT", [
///         "time": arguments["start"] ?? nil, "from_timezone": "Europe/Berlin", "to_timezone": "Asia/Tokyo",
///     ]).data
/// }
/// ```
public struct CustomTool: Sendable, CustomStringConvertible {
    typealias Function = @Sendable (JSON, ToolContext) async throws -> JSON

    let definition: JSON
    let run: Function

    /// A tool whose arguments fit a JSON Schema of type `object`; they are checked before `run` is called.
    ///
    /// What `run` returns becomes the result's data; what it throws makes the result a failure with that message. Tools of
    /// one call run at the same time.
    ///
    /// - Parameters:
    ///   - slug: a session calls the tool by a final slug that starts with `LOCAL_`.
    ///   - description: what it does, for a model.
    ///   - name: the name for people, by default made from the slug.
    ///   - inputSchema: the JSON Schema of the arguments.
    ///   - outputSchema: the JSON Schema of the result.
    ///   - extendsToolkit: the toolkit that the tool joins.
    ///   - preload: whether it is listed directly, not only found by search.
    ///   - run: takes the arguments as ``JSON`` or any `Decodable` type, and gives ``JSON`` or any `Encodable` one.
    /// - Throws: ``ComposioError`` of the kind `validation` if the definition is not usable.
    public init<Input: Decodable, Output: Encodable>(
        _ slug: String, _ description: String, name: String? = nil, inputSchema: JSON, outputSchema: JSON? = nil,
        extendsToolkit: String? = nil, preload: Bool? = nil,
        run: @escaping @Sendable (Input, ToolContext) async throws -> Output
    ) throws {
        let draft = JSON.given([
            "slug": .string(slug), "name": .of(name), "description": .string(description), "input_schema": inputSchema,
            "output_schema": outputSchema, "extends_toolkit": .of(extendsToolkit), "preload": .of(preload), "validate": true,
            "function_name": .string(slug.lowercased()),
        ])
        definition = try lifting { try JSON(parsing: defineTool(draft: draft.text)) }
        self.run = { arguments, context in
            let input: Input
            do {
                input = try arguments.decode()
            } catch let error as DecodingError {
                throw ComposioError.validation("Invalid arguments for \(slug): \(error.explanation)")
            }
            return try JSON(encoding: try await run(input, context))
        }
    }

    /// The same with the parameters one by one.
    public init<Input: Decodable, Output: Encodable>(
        _ slug: String, _ description: String, name: String? = nil, outputSchema: JSON? = nil,
        extendsToolkit: String? = nil, preload: Bool? = nil, @ParametersBuilder parameters: () -> [Parameter],
        run: @escaping @Sendable (Input, ToolContext) async throws -> Output
    ) throws {
        try self.init(
            slug, description, name: name, inputSchema: Parameter.schema(of: parameters()), outputSchema: outputSchema,
            extendsToolkit: extendsToolkit, preload: preload, run: run)
    }

    /// The slug as given.
    public var slug: String { definition["slug"]?.string ?? "" }
    /// The JSON Schema of the arguments.
    public var inputSchema: JSON { definition["input_schema"] ?? [:] }
    /// The slug.
    public var description: String { "CustomTool(\(slug))" }
}

/// A toolkit of custom tools.
public struct CustomToolkit: Sendable, CustomStringConvertible {
    let definition: JSON
    let tools: [CustomTool]

    /// A toolkit of these tools.
    ///
    /// - Parameter preload: whether its tools are listed directly, not only found by search.
    public init(_ slug: String, name: String, _ description: String, preload: Bool? = nil, tools: [CustomTool]) {
        definition = .given([
            "slug": .string(slug), "name": .string(name), "description": .string(description), "preload": .of(preload),
            "tools": .array(tools.map(\.definition)),
        ])
        self.tools = tools
    }

    /// The toolkit's slug.
    public var slug: String { definition["slug"]?.string ?? "" }
    /// The slug.
    public var description: String { "CustomToolkit(\(slug))" }
}

/// What a custom tool may do in its session.
public struct ToolContext: Sendable {
    let engine: Engine

    /// Whom the session acts for.
    public var userID: String { engine.userID }

    /// Runs another tool: a sibling here, any other at the backend.
    public func execute(_ slug: String, _ arguments: JSON? = nil) async throws -> ExecuteResult {
        try await engine.execute(ToolCall(slug: slug, arguments: arguments))
    }

    /// Calls a toolkit's API with the user's credentials; see
    /// ``Session/proxyExecute(toolkit:endpoint:method:body:parameters:)``.
    public func proxyExecute(
        toolkit: String, endpoint: String, method: String, body: JSON? = nil, parameters: [ProxyParameter]? = nil
    ) async throws -> ProxyResult {
        try await engine.proxyExecute(
            toolkit: toolkit, endpoint: endpoint, method: method, body: body, parameters: parameters)
    }
}

/// A custom tool of a session, under its final slug.
public struct RegisteredCustomTool: Reply {
    public let json: JSON
    public init(json: JSON) { self.json = json }

    /// The final slug.
    public var slug: String { string("slug") }
    /// The name for people.
    public var name: String { string("name") }
    /// What it does, for a model.
    public var toolDescription: String { string("description") }
    /// The JSON Schema of the arguments.
    public var inputSchema: JSON { json["input_schema"] ?? [:] }
    /// The JSON Schema of the result, if there is one.
    public var outputSchema: JSON? { json["output_schema"] }
    /// The toolkit that it belongs to.
    public var toolkit: String? { optionalString("toolkit") }
}

/// A custom toolkit of a session.
public struct RegisteredCustomToolkit: Reply {
    public let json: JSON
    public init(json: JSON) { self.json = json }

    /// The toolkit's slug.
    public var slug: String { string("slug") }
    /// The name for people.
    public var name: String { string("name") }
    /// Its tools.
    public var tools: [RegisteredCustomTool] { list("tools") }
}

/// The custom tools that a session is to have.
struct CustomTools: Sendable {
    let native: NativeToolSet
    /// In the order in which a session lists them.
    let ordered: [CustomTool]

    init(_ tools: [CustomTool], _ toolkits: [CustomToolkit]) throws {
        ordered = tools + toolkits.flatMap(\.tools)
        native = try lifting {
            try NativeToolSet(
                tools: JSON.array(tools.map(\.definition)).text, toolkits: JSON.array(toolkits.map(\.definition)).text)
        }
    }
}

extension DecodingError {
    /// What is wrong and where, in one line.
    fileprivate var explanation: String {
        switch self {
        case .typeMismatch(_, let context), .valueNotFound(_, let context), .keyNotFound(_, let context),
            .dataCorrupted(let context):
            let path = context.codingPath.map(\.stringValue).joined(separator: ".")
            return path.isEmpty ? context.debugDescription : "\(path): \(context.debugDescription)"
        @unknown default: return "\(self)"
        }
    }
}
