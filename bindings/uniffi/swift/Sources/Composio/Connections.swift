import ComposioNative

/// A query parameter or header of a proxied call.
public struct ProxyParameter: Sendable, Hashable {
    let json: JSON

    private init(_ name: String, _ value: JSON, _ type: JSON) {
        json = ["name": .string(name), "value": value, "type": type]
    }

    /// A query parameter.
    public static func query(_ name: String, _ value: JSON) -> ProxyParameter { ProxyParameter(name, value, "query") }

    /// A header.
    public static func header(_ name: String, _ value: JSON) -> ProxyParameter { ProxyParameter(name, value, "header") }
}

/// An account that waits for its user to connect it at ``redirectURL``.
public struct ConnectionRequest: Sendable, CustomStringConvertible {
    /// The whole answer.
    public let json: JSON
    let client: NativeClient

    /// The connected account's id.
    public var id: String { json["id"]?.string ?? "" }
    /// `INITIATED`.
    public var status: String { json["status"]?.string ?? "" }
    /// Where the user goes.
    public var redirectURL: String? { json["redirect_url"]?.string }

    /// Waits until the account is active, by default for 60 seconds.
    ///
    /// - Parameter timeout: in seconds.
    /// - Throws: ``ComposioError`` of the kinds `connectedAccount`, where the account ended as failed, expired, inactive or
    ///   revoked, or `waitTimeout`, where the time is over.
    public func waitForConnection(timeout: Double? = nil) async throws -> ConnectedAccount {
        try await ConnectedAccounts(client: client).waitForConnection(id, timeout: timeout)
    }

    /// The id and the status.
    public var description: String { "ConnectionRequest(\(id), \(status))" }
}

/// Where a session is served over MCP. Headers authenticate there, and a query may: the description shows neither.
public struct MCPServer: Sendable, Hashable, CustomStringConvertible {
    /// `http` or `sse`.
    public let type: String
    /// The endpoint.
    public let url: String
    /// What authenticates there.
    public let headers: [String: String]
    /// Why there are no headers, where there are none.
    public let warning: String?

    init(_ server: NativeMcpServer, warning: String?) {
        (type, url, headers, self.warning) = (server.kind, server.url, server.headers, warning)
    }

    /// The type, the URL without its query, and the headers' names.
    public var description: String {
        let parts = url.split(separator: "?", maxSplits: 1)
        let address = (parts.first ?? "") + (parts.count > 1 ? "?***" : "")
        return "MCPServer(\(type), \(address), headers: \(headers.keys.sorted()))"
    }
}
