import Composio
import ComposioTestSupport
import Foundation

// Plays the vector on the standard input: a process cannot safely change its own environment, so that some need another one.
let vector = try JSON(parsing: String(decoding: FileHandle.standardInput.readDataToEndOfFile(), as: UTF8.self))
try await Player.play(vector, on: Mock(url: CommandLine.arguments[1]))
