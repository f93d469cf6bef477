import Foundation

/// Any JSON value. Numbers keep their digits, however long they are; an object's keys have no order and are written
/// sorted, so that the same value is always the same text.
///
/// ```swift
/// let issue: JSON = ["title": "Bug", "labels": ["a", "b"], "urgent": true]
/// issue["title"]?.string   // "Bug"
/// ```
public enum JSON: Sendable, Hashable {
    /// `null`.
    case null
    /// `true` or `false`.
    case bool(Bool)
    /// A number, by its digits.
    case number(Number)
    /// A text.
    case string(String)
    /// A list.
    case array([JSON])
    /// Values by key.
    case object([String: JSON])

    /// A number as it is written. Two are equal where they are written alike.
    public struct Number: Sendable, Hashable, CustomStringConvertible {
        /// The number as JSON has it.
        public let description: String

        /// A whole number.
        public init<Integer: BinaryInteger>(_ value: Integer) {
            description = String(value)
        }

        /// A number; nil where it is not finite, which JSON cannot say.
        public init?(_ value: Double) {
            guard value.isFinite else { return nil }
            description = "\(value)"
        }

        /// A number by its JSON text; nil where that is no number.
        public init?(text: String) {
            var parser = JSONParser(text)
            guard case .number(let number)? = try? parser.document() else { return nil }
            self = number
        }

        init(checked text: String) {
            description = text
        }

        /// The value where it is whole and fits.
        public var int: Int? { Int(description) }

        /// The nearest value.
        public var double: Double { Double(description) ?? .nan }
    }

    /// Reads JSON text.
    ///
    /// - Throws: ``ComposioError`` of the kind `validation`: no JSON, or nested deeper than 512 levels.
    public init(parsing text: String) throws {
        var parser = JSONParser(text)
        self = try parser.document()
    }

    /// A value of the language as JSON.
    public init(encoding value: some Encodable) throws {
        if let json = value as? JSON {
            self = json
            return
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = .withoutEscapingSlashes
        try self.init(parsing: String(decoding: encoder.encode(value), as: UTF8.self))
    }

    /// This as a value of the language.
    public func decode<Value: Decodable>(_ type: Value.Type = Value.self) throws -> Value {
        if let same = self as? Value { return same }
        return try JSONDecoder().decode(type, from: Data(text.utf8))
    }

    /// The JSON text, on one line.
    public var text: String {
        var writer = JSONWriter()
        writer.write(self)
        return writer.text
    }
}

extension JSON {
    /// Whether this is `null`.
    public var isNull: Bool { self == .null }

    /// The text, if this is one.
    public var string: String? { if case .string(let value) = self { value } else { nil } }

    /// The truth value, if this is one.
    public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }

    /// The whole number, if this is one that fits.
    public var int: Int? { if case .number(let value) = self { value.int } else { nil } }

    /// The number, if this is one.
    public var double: Double? { if case .number(let value) = self { value.double } else { nil } }

    /// The list, if this is one.
    public var array: [JSON]? { if case .array(let value) = self { value } else { nil } }

    /// The values by key, if this is an object.
    public var object: [String: JSON]? { if case .object(let value) = self { value } else { nil } }

    /// An object's value; nil where there is none. Setting one makes anything else an object.
    public subscript(key: String) -> JSON? {
        get { object?[key] }
        set {
            var object = object ?? [:]
            object[key] = newValue
            self = .object(object)
        }
    }

    /// A list's element; nil where there is none.
    public subscript(index: Int) -> JSON? {
        guard let array, array.indices.contains(index) else { return nil }
        return array[index]
    }
}

extension JSON: ExpressibleByNilLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
    ExpressibleByStringInterpolation, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    /// `null`.
    public init(nilLiteral: ()) { self = .null }

    /// A truth value.
    public init(booleanLiteral value: Bool) { self = .bool(value) }

    /// A whole number.
    public init(integerLiteral value: Int) { self = .number(Number(value)) }

    /// A number.
    public init(floatLiteral value: Double) { self = Number(value).map(JSON.number) ?? .null }

    /// A text.
    public init(stringLiteral value: String) { self = .string(value) }

    /// A list.
    public init(arrayLiteral elements: JSON...) { self = .array(elements) }

    /// An object; the last of equal keys holds.
    public init(dictionaryLiteral elements: (String, JSON)...) {
        self = .object(Dictionary(elements, uniquingKeysWith: { $1 }))
    }
}

extension JSON: CustomStringConvertible {
    /// The JSON text.
    public var description: String { text }
}

extension JSON: Codable {
    /// Reads any value. Foundation's decoder keeps no more digits of a number than its own types have.
    public init(from decoder: any Decoder) throws {
        let value = try decoder.singleValueContainer()
        if value.decodeNil() {
            self = .null
        } else if let bool = try? value.decode(Bool.self) {
            self = .bool(bool)
        } else if let number = try? value.decode(Int64.self) {
            self = .number(Number(number))
        } else if let number = try? value.decode(UInt64.self) {
            self = .number(Number(number))
        } else if let number = try? value.decode(Double.self), let number = Number(number) {
            self = .number(number)
        } else if let string = try? value.decode(String.self) {
            self = .string(string)
        } else if let array = try? value.decode([JSON].self) {
            self = .array(array)
        } else {
            self = .object(try value.decode([String: JSON].self))
        }
    }

    /// Writes the value.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .bool(let value): try container.encode(value)
        case .string(let value): try container.encode(value)
        case .array(let value): try container.encode(value)
        case .object(let value): try container.encode(value)
        case .number(let number):
            if let whole = Int64(number.description) {
                try container.encode(whole)
            } else if let whole = UInt64(number.description) {
                try container.encode(whole)
            } else if let decimal = Decimal(string: number.description), decimal.description == number.description {
                try container.encode(decimal)
            } else {
                try container.encode(number.double)
            }
        }
    }
}
