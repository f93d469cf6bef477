/// A parameter of a custom tool, as a JSON Schema; it is required unless ``optional`` is asked for.
///
/// ```swift
/// Parameter.string("channel", "Where to post.")
/// Parameter.string("priority", "How urgent it is.", oneOf: ["low", "high"]).optional
/// Parameter.array("labels", "What it is about.", of: ["type": "string"]).optional
/// ```
public struct Parameter: Sendable, Hashable {
    let name: String
    let schema: JSON
    let isRequired: Bool

    private init(_ name: String, _ schema: JSON, isRequired: Bool = true) {
        (self.name, self.schema, self.isRequired) = (name, schema, isRequired)
    }

    /// A parameter by its JSON Schema.
    public init(_ name: String, schema: JSON) {
        self.init(name, schema, isRequired: true)
    }

    /// A text, or one of a few.
    public static func string(_ name: String, _ description: String, oneOf values: [String]? = nil) -> Parameter {
        typed(name, "string", description, ["enum": .of(values)])
    }

    /// A whole number.
    public static func integer(_ name: String, _ description: String) -> Parameter {
        typed(name, "integer", description)
    }

    /// A number.
    public static func number(_ name: String, _ description: String) -> Parameter {
        typed(name, "number", description)
    }

    /// A truth value.
    public static func boolean(_ name: String, _ description: String) -> Parameter {
        typed(name, "boolean", description)
    }

    /// A list of values that fit a JSON Schema.
    public static func array(_ name: String, _ description: String, of items: JSON) -> Parameter {
        typed(name, "array", description, ["items": items])
    }

    /// An object of these parameters.
    public static func object(
        _ name: String, _ description: String, @ParametersBuilder parameters: () -> [Parameter]
    ) -> Parameter {
        Parameter(name, schema(of: parameters(), description))
    }

    /// The same parameter, which may be absent.
    public var optional: Parameter { Parameter(name, schema, isRequired: false) }

    private static func typed(
        _ name: String, _ type: JSON, _ description: String, _ more: [String: JSON?] = [:]
    ) -> Parameter {
        let members: [String: JSON?] = ["type": type, "description": .string(description)]
        return Parameter(name, .given(members.merging(more) { $1 }))
    }

    static func schema(of parameters: [Parameter], _ description: String? = nil) -> JSON {
        .given([
            "type": "object", "description": .of(description),
            "properties": .object(Dictionary(parameters.map { ($0.name, $0.schema) }, uniquingKeysWith: { $1 })),
            "required": .of(parameters.filter(\.isRequired).map(\.name)),
        ])
    }
}

/// Lists parameters, with `if` and `for` where they are wanted.
@resultBuilder
public enum ParametersBuilder {
    /// One parameter.
    public static func buildExpression(_ parameter: Parameter) -> [Parameter] { [parameter] }
    /// One after another.
    public static func buildBlock(_ parameters: [Parameter]...) -> [Parameter] { parameters.flatMap { $0 } }
    /// Those of an `if`.
    public static func buildOptional(_ parameters: [Parameter]?) -> [Parameter] { parameters ?? [] }
    /// Those of an `if` with an `else`.
    public static func buildEither(first parameters: [Parameter]) -> [Parameter] { parameters }
    /// Those of the `else`.
    public static func buildEither(second parameters: [Parameter]) -> [Parameter] { parameters }
    /// Those of a `for`.
    public static func buildArray(_ parameters: [[Parameter]]) -> [Parameter] { parameters.flatMap { $0 } }
}
