import ComposioNative

/// Which backend answers.
public enum Backend: String, Sendable, Hashable, CaseIterable {
    /// The embedded router, in this process; no account or key.
    case embedded
    /// A hosted backend.
    case http
}

/// How the embedded router is set up.
public enum RouterConfig: Sendable, Hashable {
    /// By a `composio.toml` at this path.
    case file(String)
    /// By what such a file says.
    case content(JSON)

    var json: JSON {
        switch self {
        case .file(let path): .string(path)
        case .content(let content): content
        }
    }
}

/// Which files of the caller's may be uploaded, and whether tools' files go to and fro by themselves.
public struct FileTransfers: Sendable, Hashable {
    /// Whether files that commonly hold credentials are refused, by default true.
    public var refusesSensitiveFiles: Bool?
    /// Further names of files and folders that are not uploaded.
    public var deniedNames: [String]?
    /// Only files below these folders are uploaded. By default any, but `~/.composio/temp` alone for uploads that a tool's
    /// arguments lead to.
    public var uploadFolders: [String]?
    /// Where files that tools return are saved, by default `files` in `COMPOSIO_CACHE_DIR`, else in `~/.composio`.
    public var downloadFolder: String?
    /// Whether tools' files go to and fro by themselves. The model then gives a path or URL where a tool takes a file, and
    /// gets the path of each file that a tool returns. Dangerous: a model that was led astray can so send away any file that
    /// the other settings allow.
    public var automatic: Bool

    /// What is nil is as the library has it.
    public init(
        refusesSensitiveFiles: Bool? = nil, deniedNames: [String]? = nil, uploadFolders: [String]? = nil,
        downloadFolder: String? = nil, automatic: Bool = false
    ) {
        (self.refusesSensitiveFiles, self.deniedNames) = (refusesSensitiveFiles, deniedNames)
        (self.uploadFolders, self.downloadFolder, self.automatic) = (uploadFolders, downloadFolder, automatic)
    }

    var json: JSON {
        .given([
            "sensitive_file_upload_protection": .of(refusesSensitiveFiles),
            "file_upload_path_deny_segments": .of(deniedNames), "file_upload_dirs": .of(uploadFolders),
            "file_download_dir": .of(downloadFolder),
            "dangerously_allow_auto_upload_download_files": automatic ? true : nil,
        ])
    }
}

/// A client: it creates, takes up and deletes sessions. Tasks may share it.
///
/// With a key or base URL a hosted backend answers; with neither it is the embedded router, in this process.
///
/// ```swift
/// let composio = try Composio()
/// let session = try await composio.create(userID: "ada")
/// print(try await session.execute("TIME_NOW").data)
/// try await composio.close()
/// ```
public final class Composio: Sendable, CustomStringConvertible {
    /// How tools are written for the model.
    public let provider: Provider
    /// The project's connected accounts.
    public let connectedAccounts: ConnectedAccounts
    /// How the accounts of toolkits are made.
    public let authConfigs: AuthConfigs
    /// The catalogue of toolkits.
    public let toolkits: Toolkits
    /// The catalogue of tools.
    public let tools: Tools

    private let native: NativeClient
    private let format: ProviderFormat

    /// Makes a client. Nothing is opened or sent before its first call.
    ///
    /// - Parameters:
    ///   - provider: how tools are written for the model.
    ///   - apiKey: by default the environment variable `COMPOSIO_API_KEY`. Do not ship one in an app.
    ///   - baseURL: by default `COMPOSIO_BASE_URL`, else the hosted service.
    ///   - headers: what every call sends, such as a session's own bearer.
    ///   - backend: forces one.
    ///   - config: how the embedded router is set up; by default by `COMPOSIO_CONFIG` or a `composio.toml` nearby.
    ///   - timeout: seconds that one attempt may take, by default 60.
    ///   - maxRetries: how often a call that changes nothing is tried again, by default 2.
    ///   - files: which files may be uploaded, and whether tools' files go to and fro by themselves.
    /// - Throws: ``ComposioError`` of the kinds `apiKeyNotProvided`, where HTTP is asked for without a key, or `validation`.
    public init(
        provider: Provider = .openAI, apiKey: String? = nil, baseURL: String? = nil, headers: [String: String] = [:],
        backend: Backend? = nil, config: RouterConfig? = nil, timeout: Double? = nil, maxRetries: Int? = nil,
        files: FileTransfers = FileTransfers()
    ) throws {
        let retries = maxRetries.map(UInt32.init(exactly:))
        if case .some(nil) = retries {
            throw ComposioError.validation("maxRetries: expected 0 or more, got \(maxRetries.map(String.init) ?? "nothing")")
        }
        let files = files.json
        native = try lifting {
            try NativeClient(
                options: NativeClientOptions(
                    backend: backend?.rawValue, apiKey: apiKey, baseUrl: baseURL, timeout: timeout,
                    maxRetries: retries.flatMap { $0 }, defaultHeaders: headers, config: config?.json.text,
                    uploads: files == [:] ? nil : files.text))
        }
        self.provider = provider
        format = try ProviderFormat(provider)
        connectedAccounts = ConnectedAccounts(client: native)
        authConfigs = AuthConfigs(client: native)
        toolkits = Toolkits(client: native)
        tools = Tools(client: native)
    }

    /// Where the embedded router keeps its data; nil where a hosted backend answers.
    public var dataFolder: String? { native.dataDir() }

    /// Creates a session for a user.
    ///
    /// - Throws: ``ComposioError`` of the kinds `validation`, where an option or custom tool is malformed and nothing was
    ///   sent, or `mcpDestination`, where the session is used over MCP and its MCP server is not the backend's own.
    public func create(
        userID: String, options: SessionOptions = SessionOptions(), customTools: [CustomTool] = [],
        customToolkits: [CustomToolkit] = []
    ) async throws -> Session {
        let set = try CustomTools(customTools, customToolkits)
        let options = options.json(userID: userID).text
        let session = try await nativeCall { try await native.create(options: options, tools: set.native, cancel: $0) }
        return try bind(session, set)
    }

    /// Takes up a session that exists, with these custom tools.
    ///
    /// - Parameter mcp: the session is used over MCP: one on a foreign MCP server is an error.
    /// - Throws: ``ComposioError`` of the kind `notFound` where there is no such session.
    public func use(
        sessionID: String, mcp: Bool = false, customTools: [CustomTool] = [], customToolkits: [CustomToolkit] = []
    ) async throws -> Session {
        let set = try CustomTools(customTools, customToolkits)
        let session = try await nativeCall {
            try await native.useSession(sessionId: sessionID, tools: set.native, mcp: mcp, cancel: $0)
        }
        return try bind(session, set)
    }

    private func bind(_ session: NativeSession, _ set: CustomTools) throws -> Session {
        Session(engine: try Engine(session: session, format: format, tools: set.ordered), client: native)
    }

    /// Deletes a session.
    @discardableResult
    public func delete(sessionID: String) async throws -> DeletedSession {
        try await DeletedSession(text: nativeCall { try await native.deleteSession(sessionId: sessionID, cancel: $0) })
    }

    /// Closes connections, files and child processes, and waits for that; further calls fail. Again, it does nothing.
    public func close() async throws {
        do {
            try await native.shutDown()
        } catch NativeError.Failed(let fields) where fields.kind == ComposioError.Kind.closed.rawValue {
            return
        } catch {
            throw lifted(error)
        }
    }

    /// The provider; no key or URL.
    public var description: String { "Composio(provider: \(provider.rawValue))" }
}
