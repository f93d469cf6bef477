import Composio
import Foundation

// `URL COUNT`: prints the median of so many executes, one after another, in microseconds.
let arguments = CommandLine.arguments
guard arguments.count == 3, let count = Int(arguments[2]), count > 0 else {
    FileHandle.standardError.write(Data("usage: ComposioBench URL COUNT\n".utf8))
    exit(2)
}
let input: JSON = ["title": "It is broken", "labels": ["bug"]]
let composio = try Composio(apiKey: "k", baseURL: arguments[1])
let session = try await composio.create(userID: "bench")
let clock = ContinuousClock()

func measure() async throws -> Duration {
    let start = clock.now
    _ = try await session.execute("GITHUB_CREATE_ISSUE", input)
    return start.duration(to: clock.now)
}

for _ in 0..<200 { _ = try await measure() }
var times: [Duration] = []
for _ in 0..<count { times.append(try await measure()) }
times.sort()
print(times[times.count / 2] / .microseconds(1))
try await composio.close()
