import Composio
import Foundation

/// Carries out the steps of one vector.
public final class Player {
    private let vector: JSON
    private let folder: URL
    private var client: Composio?
    private var session: Session?
    private var connection: ConnectionRequest?
    private var file: RemoteFile?

    private init(_ vector: JSON, _ folder: URL) {
        (self.vector, self.folder) = (vector, folder)
    }

    /// Plays a vector that the mock has started.
    public static func play(_ vector: JSON, on mock: Mock) async throws {
        try await Places.withFolder { folder in
            let player = Player(vector, folder)
            for (index, step) in (vector["steps"]?.array ?? []).enumerated() {
                try await mock.control("runs/\(vector["run"]?.string ?? "")/steps/\(index)", try await player.report(step))
            }
            try await player.client?.close()
        }
    }

    /// What the mock is told about one step.
    private func report(_ step: JSON) async throws -> JSON {
        do {
            return ["result": try await result(of: step["call"]?.string ?? "", step["with"] ?? [:])]
        } catch let error as ComposioError {
            return ["error": described(error)]
        }
    }

    private func described(_ error: ComposioError) -> JSON {
        .given([
            "kind": .string(error.kind.rawValue), "message": .string(error.message), "status": .of(error.status),
            "code": error.code, "slug": .of(error.slug), "suggested_fix": .of(error.suggestedFix),
            "request_id": .of(error.requestID), "retryable": .bool(error.isRetryable), "details": error.details,
            "text": .string("\(error)"),
        ])
    }

    private func result(of call: String, _ with: JSON) async throws -> JSON {
        let composio = try client ?? open()
        client = composio
        if call.hasPrefix("session.") { return try await sessionStep(call, with, try existing(session)) }
        if call.hasPrefix("file") { return try await fileStep(call, with, try existing(session).experimental.files) }
        if call.hasPrefix("connected_accounts.") { return try await accountStep(call, with, composio.connectedAccounts) }
        if call.hasPrefix("auth_configs.") { return try await configStep(call, with, composio.authConfigs) }
        switch call {
        case "client": return nil
        case "create":
            session = try await composio.create(
                userID: with["user_id"]?.string ?? "", options: SessionOptions(json: with.without("user_id")),
                customTools: try tools(of: vector, "custom_tools"), customToolkits: try toolkits())
            return try state()
        case "use":
            session = try await composio.use(
                sessionID: with["session_id"]?.string ?? "", mcp: with["mcp"]?.bool ?? false,
                customTools: try tools(of: vector, "custom_tools"), customToolkits: try toolkits())
            return try state()
        case "delete": return try await composio.delete(sessionID: with["session_id"]?.string ?? "").json
        case "connection.wait":
            return try await existing(connection).waitForConnection(timeout: with["timeout"]?.double).json
        case "toolkits.get": return try await composio.toolkits.get(with["slug"]?.string ?? "").json
        case "toolkits.list":
            return try await composio.toolkits.list(
                search: with["search"]?.string, limit: with["limit"]?.int, cursor: with["cursor"]?.string
            ).json
        case "tools.get": return try await composio.tools.get(with["slug"]?.string ?? "").json
        case "tools.list":
            return try await composio.tools.list(
                tools: with["tools"]?.strings, search: with["search"]?.string,
                toolkits: with["toolkit"]?.string.map { [$0] }, limit: with["limit"]?.int
            ).json
        default: throw Missing("unknown call \(call)")
        }
    }

    private func accountStep(_ call: String, _ with: JSON, _ accounts: ConnectedAccounts) async throws -> JSON {
        let id = with["id"]?.string ?? ""
        let (user, config) = (with["user_id"]?.string ?? "", with["auth_config_id"]?.string ?? "")
        let (callback, alias) = (with["callback_url"]?.string, with["alias"])
        let several = with["allow_multiple"]?.bool ?? false
        switch call {
        case "connected_accounts.link":
            let request = try await accounts.link(
                userID: user, authConfigID: config, callbackURL: callback, alias: alias?.string, allowsMultiple: several)
            connection = request
            return request.json
        case "connected_accounts.initiate":
            let request = try await accounts.initiate(
                userID: user, authConfigID: config, callbackURL: callback, alias: alias?.string, allowsMultiple: several,
                config: with["config"])
            connection = request
            return request.json
        case "connected_accounts.complete_auth":
            return try await accounts.completeAuth(userID: user, sessionURI: with["session_uri"]?.string ?? "").json
        case "connected_accounts.get": return try await accounts.get(id).json
        case "connected_accounts.list":
            return try await accounts.list(
                userIDs: with["user_ids"]?.strings, toolkitSlugs: with["toolkit_slugs"]?.strings,
                statuses: with["statuses"]?.strings, limit: with["limit"]?.int, cursor: with["cursor"]?.string
            ).json
        case "connected_accounts.update":
            let patch: Patch<String> = alias.map { $0.string.map(Patch.set) ?? .clear } ?? .keep
            return try await accounts.update(id, alias: patch, connection: with["connection"]).json
        case "connected_accounts.enable": return try await accounts.enable(id).json
        case "connected_accounts.disable": return try await accounts.disable(id).json
        case "connected_accounts.delete":
            return try await accounts.delete(id, revokeOnDelete: with["revoke_on_delete"]?.bool).json
        case "connected_accounts.refresh":
            return try await accounts.refresh(id, redirectURL: with["redirect_url"]?.string).json
        case "connected_accounts.revoke": return try await accounts.revoke(id).json
        default: throw Missing("unknown call \(call)")
        }
    }

    private func configStep(_ call: String, _ with: JSON, _ configs: AuthConfigs) async throws -> JSON {
        let (id, options) = (with["id"]?.string ?? "", with["options"] ?? [:])
        switch call {
        case "auth_configs.get": return try await configs.get(id).json
        case "auth_configs.list":
            return try await configs.list(
                toolkitSlug: with["toolkit_slug"]?.string, limit: with["limit"]?.int, cursor: with["cursor"]?.string
            ).json
        case "auth_configs.create":
            return try await configs.create(toolkit: with["toolkit"]?.string ?? "", config: options).json
        case "auth_configs.update": return try await configs.update(id, config: options).json
        case "auth_configs.enable": return try await configs.enable(id).json
        case "auth_configs.disable": return try await configs.disable(id).json
        case "auth_configs.delete": return try await configs.delete(id).json
        default: throw Missing("unknown call \(call)")
        }
    }

    private func open() throws -> Composio {
        let given = vector["client"] ?? [:]
        return try Composio(
            provider: given["provider"]?.string.flatMap(Provider.init) ?? .openAI, apiKey: given["api_key"]?.string,
            baseURL: given["base_url"]?.string,
            headers: (given["default_headers"]?.object ?? [:]).compactMapValues(\.string),
            backend: given["backend"]?.string.flatMap(Backend.init), timeout: given["timeout"]?.double,
            maxRetries: given["max_retries"]?.int,
            files: FileTransfers(
                refusesSensitiveFiles: given["sensitive_file_upload_protection"]?.bool,
                deniedNames: given["file_upload_path_deny_segments"]?.strings,
                uploadFolders: given["file_upload_dirs"]?.strings, downloadFolder: given["file_download_dir"]?.string,
                automatic: given["dangerously_allow_auto_upload_download_files"]?.bool ?? false))
    }

    private func sessionStep(_ call: String, _ with: JSON, _ session: Session) async throws -> JSON {
        let modifiers = with["modifiers"]?.bool == true ? try modifiers() : []
        let (slug, arguments) = (with["slug"]?.string ?? "", with["arguments"])
        let (answers, requestState) = (with["input_responses"], with["request_state"]?.string)
        switch call {
        case "session.state": return try state()
        case "session.tools": return try await session.tools(modifiers: modifiers)
        case "session.schema_report": return .array(try await session.schemaReport().map(\.json))
        case "session.execute":
            return try await session.execute(
                with["tool_slug"]?.string ?? "", arguments, account: with["account"]?.string, inputResponses: answers,
                requestState: requestState
            ).json
        case "session.execute_meta":
            return try await session.executeMeta(
                slug, arguments, inputResponses: answers, requestState: requestState
            ).json
        case "session.execute_tool_call":
            // Modifiers go with the wrapped tools, and those are there once they have been listed.
            if !modifiers.isEmpty { _ = try await session.tools(modifiers: modifiers) }
            return try await session.executeToolCall(slug, arguments ?? [:], modifiers: modifiers).json
        case "session.handle_tool_calls": return try await session.handleToolCalls(try existing(with["reply"]))
        case "session.proxy_execute":
            return try await session.proxyExecute(
                toolkit: with["toolkit"]?.string ?? "", endpoint: with["endpoint"]?.string ?? "",
                method: with["method"]?.string ?? "", body: with["body"], parameters: try parameters(with)
            ).json
        case "session.authorize":
            let request = try await session.authorize(
                toolkit: with["toolkit"]?.string ?? "", callbackURL: with["callback_url"]?.string,
                alias: with["alias"]?.string, experimental: with["experimental"])
            connection = request
            return request.json
        case "session.toolkits":
            return try await session.toolkits(
                toolkits: with["toolkits"]?.strings, search: with["search"]?.string,
                isConnected: with["is_connected"]?.bool, limit: with["limit"]?.int,
                nextCursor: with["next_cursor"]?.string
            ).json
        case "session.search":
            return try await session.search(with["query"]?.string ?? "", model: with["model"]?.string).json
        case "session.update": return try await session.update(SessionUpdate(json: with))
        case "session.list_config_history":
            return try await session.listConfigHistory(limit: with["limit"]?.int, cursor: with["cursor"]?.string).json
        case "session.delete": return try await session.delete().json
        case "session.custom_tools": return .array(try session.customTools(toolkit: with["toolkit"]?.string).map(\.json))
        case "session.custom_toolkits": return .array(try session.customToolkits().map(\.json))
        default: throw Missing("unknown call \(call)")
        }
    }

    private func state() throws -> JSON {
        let session = try existing(session)
        let mcp = try session.mcp
        return [
            "session_id": .string(session.id), "config": try session.config,
            "config_version": .number(JSON.Number(session.configVersion)), "preload": try session.preload ?? nil,
            "mcp": [
                "type": .string(mcp.type), "url": .string(mcp.url), "headers": .object(mcp.headers.mapValues(JSON.string)),
            ],
            "assistive_prompt": session.experimental.assistivePrompt.map(JSON.string) ?? nil,
        ]
    }

    private func fileStep(_ call: String, _ with: JSON, _ files: FilesMount) async throws -> JSON {
        let mount = with["mount_id"]?.string ?? FilesMount.defaultMount
        switch call {
        case "files.list":
            return try await files.list(
                path: with["path"]?.string, mountID: mount, cursor: with["cursor"]?.string, limit: with["limit"]?.int
            ).json
        case "files.delete": return try await files.delete(with["remote_path"]?.string ?? "", mountID: mount).json
        case "files.download": return try shown(try await files.download(with["file_path"]?.string ?? "", mountID: mount))
        case "files.upload":
            let (path, type) = (with["remote_path"]?.string, with["mimetype"]?.string)
            let input = try existing(with["input"])
            let content = input["text"]?.string.map { Data($0.utf8) } ?? input["base64"]?.string.flatMap { Data(base64Encoded: $0) }
            if let content {
                return try shown(try await files.upload(content, remotePath: path, mimetype: type, mountID: mount))
            }
            return try shown(try await files.upload(try source(input), remotePath: path, mimetype: type, mountID: mount))
        case "file.text": return ["text": .string(try await existing(file).text())]
        case "file.buffer": return ["base64": .string(try await existing(file).data().base64EncodedString())]
        case "file.save":
            let inside = folder.appendingPathComponent("in")
            try FileManager.default.createDirectory(at: inside, withIntermediateDirectories: false)
            let saved = try await existing(file).save(to: inside.path)
            let all = try FileManager.default.subpathsOfDirectory(atPath: folder.path).filter { path in
                var isFolder: ObjCBool = false
                return FileManager.default.fileExists(atPath: folder.appendingPathComponent(path).path, isDirectory: &isFolder)
                    && !isFolder.boolValue
            }
            return [
                "files": .array(all.map(JSON.string)), "text": .string(try String(contentsOfFile: saved, encoding: .utf8)),
            ]
        default: throw Missing("unknown call \(call)")
        }
    }

    private func shown(_ file: RemoteFile) throws -> JSON {
        self.file = file
        return [
            "mount_relative_path": .string(file.mountRelativePath), "sandbox_mount_prefix": .string(file.sandboxMountPrefix),
            "download_url": .string(file.downloadURL), "expires_at": .string(file.expiresAt),
            "filename": .string(file.filename),
        ]
    }

    private func source(_ input: JSON) throws -> String {
        if let url = input["url"]?.string { return url }
        if let missing = input["missing_file"]?.string { return folder.appendingPathComponent(missing).path }
        let written = try existing(input["file"])
        let path = folder.appendingPathComponent(written["name"]?.string ?? "")
        try Data((written["text"]?.string ?? "").utf8).write(to: path)
        return path.path
    }

    private func existing<Value>(_ value: Value?) throws -> Value {
        guard let value else { throw Missing("an earlier step is missing") }
        return value
    }
}

extension Player {
    private func toolkits() throws -> [CustomToolkit] {
        try (vector["custom_toolkits"]?.array ?? []).map { given in
            CustomToolkit(
                given["slug"]?.string ?? "", name: given["name"]?.string ?? "", given["description"]?.string ?? "",
                preload: given["preload"]?.bool, tools: try tools(of: given, "tools"))
        }
    }

    private func tools(of parent: JSON, _ name: String) throws -> [CustomTool] {
        try (parent[name]?.array ?? []).map { given in
            let behaviour = given["behaviour"] ?? nil
            return try CustomTool(
                given["slug"]?.string ?? "", given["description"]?.string ?? "", name: given["name"]?.string,
                inputSchema: given["input_schema"] ?? [:], outputSchema: given["output_schema"],
                extendsToolkit: given["extends_toolkit"]?.string, preload: given["preload"]?.bool
            ) { arguments, context in
                try await behave(behaviour, arguments, context)
            }
        }
    }

    private func modifiers() throws -> [Modifier] {
        try existing(vector["modifiers"]?.array).map { given in
            let value = given["behaviour"]?.object?.values.first ?? nil
            let (tools, toolkits) = (given["tools"]?.strings ?? [], given["toolkits"]?.strings ?? [])
            switch given["type"]?.string {
            case "before_execute":
                return .before(tools: tools, toolkits: toolkits) { $0.arguments.with(value) }
            case "after_execute":
                return .after(tools: tools, toolkits: toolkits) { response in
                    var result = response.result
                    result.data = result.data.with(value)
                    return result
                }
            case "before_file_upload":
                return .beforeFileUpload(tools: tools, toolkits: toolkits) { _ in value.string }
            default:
                return .schema(tools: tools, toolkits: toolkits) { tool in
                    var tool = tool
                    tool.toolDescription = value.string ?? ""
                    return tool
                }
            }
        }
    }
}

private struct Failed: LocalizedError {
    let errorDescription: String?
}

private func behave(_ behaviour: JSON, _ arguments: JSON, _ context: ToolContext) async throws -> JSON {
    switch behaviour {
    case "echo": return arguments
    case "nothing": return nil
    case "context_user": return ["user_id": .string(context.userID)]
    default: break
    }
    guard let (what, value) = behaviour.object?.first else { throw Missing("unknown behaviour \(behaviour)") }
    switch what {
    case "return": return value
    case "fail": throw Failed(errorDescription: value.string)
    case "call":
        let result = try await context.execute(value["slug"]?.string ?? "", value["arguments"])
        return ["data": result.data, "error": result.json["error"] ?? nil]
    case "proxy_execute":
        let result = try await context.proxyExecute(
            toolkit: value["toolkit"]?.string ?? "", endpoint: value["endpoint"]?.string ?? "",
            method: value["method"]?.string ?? "", body: value["body"], parameters: try parameters(value))
        return ["status": .number(JSON.Number(result.status)), "data": result.data]
    default: throw Missing("unknown behaviour \(what)")
    }
}

private func parameters(_ with: JSON) throws -> [ProxyParameter]? {
    with["parameters"]?.array?.map { given in
        let (name, value) = (given["name"]?.string ?? "", given["value"] ?? nil)
        let isQuery = (given["in"] ?? given["type"])?.string == "query"
        return isQuery ? .query(name, value) : .header(name, value)
    }
}

extension JSON {
    var strings: [String]? { array?.compactMap(\.string) }

    func without(_ key: String) -> JSON {
        var copy = self
        copy[key] = Optional<JSON>.none
        return copy
    }

    func with(_ more: JSON) -> JSON {
        .object((object ?? [:]).merging(more.object ?? [:]) { $1 })
    }

    static func of(_ value: String?) -> JSON? { value.map(JSON.string) }
    static func of(_ value: Int?) -> JSON? { value.map { .number(Number($0)) } }

    static func given(_ members: [String: JSON?]) -> JSON { .object(members.compactMapValues { $0 }) }
}
