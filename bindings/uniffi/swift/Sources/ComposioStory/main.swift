import Composio
import Foundation

// The story of tests/story/run.py, from Swift.

func expect(_ holds: Bool, _ what: @autoclosure () -> Any) {
    guard !holds else { return }
    FileHandle.standardError.write(Data("not as expected: \(what())\n".utf8))
    exit(1)
}

let given = ProcessInfo.processInfo.environment["STORY_CONFIG"] ?? "{}"
let config = try JSONDecoder().decode(JSON.self, from: Data(given.utf8))
let composio = try Composio(backend: .embedded, config: .content(config))
let session = try await composio.create(userID: "ada")

let before = try await session.execute("TRACKER_WHOAMI").error ?? ""
expect(before.contains("no active connected account of `tracker`"), before)
let request = try await session.authorize(toolkit: "tracker")
print("OPEN \(request.redirectURL ?? "")")
fflush(nil)
let account = try await request.waitForConnection(timeout: 120)
expect(account.status == "ACTIVE", account)

let found = try await session.search("whose account is used").results.first?.primaryToolSlugs.first
expect(found == "TRACKER_WHOAMI", found ?? "nothing")

func body() async throws -> JSON { try await session.execute("TRACKER_WHOAMI").data["body"] ?? [:] }

let first = try await body()
expect(first["sub"]?.string == "ada" && first["header"]?.string == "Bearer ***", first)
let raw = try await session.proxyExecute(toolkit: "tracker", endpoint: "/_api", method: "GET")
expect(raw.status == 200 && raw.data["sub"]?.string == "ada", raw)

let refreshed = try await composio.connectedAccounts.refresh(account.id)
expect(refreshed.status == "ACTIVE", refreshed)
let second = try await body()
expect(second["sub"]?.string == "ada", second)
let revoked = try await composio.connectedAccounts.revoke(account.id)
expect(revoked.revokedTokens == ["refresh_token", "access_token"], revoked)
let after = try await session.execute("TRACKER_WHOAMI").error ?? ""
expect(after.contains("REVOKED"), after)
let deleted = try await composio.connectedAccounts.delete(account.id)
expect(deleted.success, deleted)
try await composio.close()
print("DONE")
