import Composio
import ComposioTestSupport
import Foundation

/// Runs work with a client of an embedded router in a fresh folder, with the MCP server `everything` if that is asked for.
func withRouter(
    _ provider: Provider = .openAI, everything: Bool = false, _ work: (Composio) async throws -> Void
) async throws {
    try await Places.withFolder { folder in
        var config: JSON = [
            "router": [
                "data_dir": .string(folder.path), "workspace": .string(folder.appendingPathComponent("work").path),
            ]
        ]
        if everything {
            config["mcp"] = [["slug": "everything", "url": .string(try Places.variable("SCENARIO_MCP_URL"))]]
        }
        let composio = try Composio(provider: provider, backend: .embedded, config: .content(config))
        do {
            try await work(composio)
        } catch {
            try await composio.close()
            throw error
        }
        try await composio.close()
    }
}

/// A client of the mock's benchmark backend, which answers everything.
func hosted(apiKey: String = "k", timeout: Double? = nil, maxRetries: Int? = nil) throws -> Composio {
    try Composio(apiKey: apiKey, baseURL: try Mock.shared.url, timeout: timeout, maxRetries: maxRetries)
}

/// The error of a kind that work ends with.
func error(_ kind: ComposioError.Kind, _ work: () async throws -> Void) async throws -> ComposioError {
    do {
        try await work()
    } catch let error as ComposioError where error.kind == kind {
        return error
    }
    throw Missing("expected an error of the kind \(kind.rawValue)")
}
