/// User code around tools, and the tools and toolkits it is for: all of them where neither is named.
public struct Modifier: Sendable {
    enum Change: Sendable {
        case before(@Sendable (ToolCallRequest) async throws -> JSON)
        case after(@Sendable (ToolCallResponse) async throws -> ToolCallResult)
        case schema(@Sendable (Tool) async throws -> Tool)
        case upload(@Sendable (FileUpload) async throws -> String?)
    }

    let change: Change
    private let tools: Set<String>
    private let toolkits: Set<String>

    private init(_ change: Change, _ tools: [String], _ toolkits: [String]) {
        self.change = change
        self.tools = Set(tools.map { $0.uppercased() })
        self.toolkits = Set(toolkits.map { $0.uppercased() })
    }

    /// Gives the arguments that a tool runs with.
    public static func before(
        tools: [String] = [], toolkits: [String] = [], _ change: @escaping @Sendable (ToolCallRequest) async throws -> JSON
    ) -> Modifier {
        Modifier(.before(change), tools, toolkits)
    }

    /// Gives the result that the model sees.
    public static func after(
        tools: [String] = [], toolkits: [String] = [],
        _ change: @escaping @Sendable (ToolCallResponse) async throws -> ToolCallResult
    ) -> Modifier {
        Modifier(.after(change), tools, toolkits)
    }

    /// Gives the tool that the model sees.
    public static func schema(
        tools: [String] = [], toolkits: [String] = [], _ change: @escaping @Sendable (Tool) async throws -> Tool
    ) -> Modifier {
        Modifier(.schema(change), tools, toolkits)
    }

    /// Gives the path or URL to upload instead; nil refuses the upload.
    ///
    /// Around tools it is asked for each file that goes up by itself; see ``FileTransfers/automatic``.
    public static func beforeFileUpload(
        tools: [String] = [], toolkits: [String] = [], _ change: @escaping @Sendable (FileUpload) async throws -> String?
    ) -> Modifier {
        Modifier(.upload(change), tools, toolkits)
    }

    func applies(to tool: String, of toolkit: String) -> Bool {
        (tools.isEmpty && toolkits.isEmpty) || tools.contains(tool.uppercased()) || toolkits.contains(toolkit.uppercased())
    }
}

/// A tool call before it runs.
public struct ToolCallRequest: Sendable, Hashable {
    /// The tool.
    public let tool: String
    /// Its toolkit.
    public let toolkit: String
    /// Its arguments.
    public let arguments: JSON
}

/// A tool call after it ran.
public struct ToolCallResponse: Sendable, Hashable {
    /// The tool.
    public let tool: String
    /// Its toolkit.
    public let toolkit: String
    /// What it came to.
    public let result: ToolCallResult
}

/// A file that is to be uploaded.
public struct FileUpload: Sendable, Hashable {
    /// The path or URL.
    public internal(set) var source: String
    /// The tool that the file is for; empty for an upload to a session's mount.
    public let tool: String
    /// Its toolkit; empty for an upload to a session's mount.
    public let toolkit: String
}

extension [Modifier] {
    var areForUploads: Bool {
        contains { if case .upload = $0.change { true } else { false } }
    }

    /// The path or URL to upload after the modifiers; nil where one refused.
    func judge(_ upload: FileUpload) async throws -> String? {
        var upload = upload
        for modifier in self where modifier.applies(to: upload.tool, of: upload.toolkit) {
            guard case .upload(let change) = modifier.change else { continue }
            guard let source = try await change(upload) else { return nil }
            upload.source = source
        }
        return upload.source
    }
}
