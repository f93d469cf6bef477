import Composio
import Foundation
import Testing

@Suite struct JSONTests {
    @Test(arguments: ["0", "-0", "12345678901234567890123", "1.10", "1e5", "-2.5E-3", "1e400"])
    func numbersKeepTheirDigits(_ text: String) throws {
        #expect(try JSON(parsing: text).text == text)
        #expect(JSON.Number(text: text)?.description == text)
    }

    @Test(arguments: [
        "", "{", "[1,]", "{\"a\":1,}", "01", "1.", "+1", "\"\u{1}\"", "\"\\x\"", "\"\\ud800\"", "\"\\ud800\\u0041\"", "nul", "1 2",
        "{1:2}", "\"", String(repeating: "[", count: 600),
    ])
    func whatIsNoJSONIsRefused(_ text: String) {
        #expect(throws: ComposioError.self) { try JSON(parsing: text) }
    }

    @Test func anyTextSurvives() throws {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<500 {
            let value = value(depth: 4, &random)
            #expect(try JSON(parsing: value.text) == value)
        }
    }

    private func value(depth: Int, _ random: inout SystemRandomNumberGenerator) -> JSON {
        switch Int.random(in: 0..<(depth == 0 ? 5 : 7), using: &random) {
        case 0: return nil
        case 1: return .bool(.random(using: &random))
        case 2: return .number(JSON.Number(Int64.random(in: .min ... .max, using: &random)))
        case 3: return .init(floatLiteral: .random(in: -1e9...1e9, using: &random))
        case 4: return .string(text(&random))
        case 5: return .array((0..<3).map { _ in value(depth: depth - 1, &random) })
        default:
            let pairs = (0..<3).map { _ in (text(&random), value(depth: depth - 1, &random)) }
            return .object(Dictionary(pairs, uniquingKeysWith: { $1 }))
        }
    }

    private func text(_ random: inout SystemRandomNumberGenerator) -> String {
        let scalars = (0..<8).compactMap { _ in Unicode.Scalar(UInt32.random(in: 0...0x1F9FF, using: &random)) }
        return String(String.UnicodeScalarView(scalars))
    }

    @Test func escapesAreRead() throws {
        #expect(try JSON(parsing: #""\ud83d\ude00\u00fc\n\/\"""#) == "😀ü\n/\"")
        #expect(JSON.string("\u{0}\"\\\n").text == #""\u0000\"\\\u000a""#)
    }

    @Test func literalsAndMembers() {
        var issue: JSON = ["title": "Bug", "labels": ["a", "b"], "votes": 3, "urgent": true, "note": nil]
        #expect(issue["title"]?.string == "Bug")
        #expect(issue["labels"]?[1] == "b")
        #expect(issue["labels"]?[2] == nil)
        #expect(issue["votes"]?.int == 3)
        #expect(issue["votes"]?.double == 3)
        #expect(issue["note"]?.isNull == true)
        issue["title"] = .none
        #expect(issue.text == #"{"labels":["a","b"],"note":null,"urgent":true,"votes":3}"#)
    }

    private struct Lamp: Codable, Equatable {
        var name: String
        var watts: Double?
    }

    @Test func codableTypes() throws {
        let lamp: JSON = ["name": "Desk", "watts": 4.5]
        #expect(try lamp.decode() == Lamp(name: "Desk", watts: 4.5))
        #expect(try JSON(encoding: Lamp(name: "Desk", watts: 4.5)) == lamp)
        let encoded = try JSONEncoder().encode(["lamp": lamp])
        #expect(try JSONDecoder().decode([String: JSON].self, from: encoded) == ["lamp": lamp])
    }
}
