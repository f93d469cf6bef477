import ReadmePrograms
import Testing

/// The Swift programs of the documentation run as they are written.
@Suite struct ReadmeTests {
    @Test func everyDocumentHasSome() {
        #expect(programs.count >= 4)
    }

    @Test(arguments: programs.indices)
    func program(_ index: Int) async throws {
        let printed = try await programs[index].run()
        #expect(!printed.isEmpty, "\(programs[index].name) prints nothing")
        #expect(!printed.contains { $0.contains("error:") })
    }
}
