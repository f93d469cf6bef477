/** JSON Schemas of zod v3 schemas, which cannot say theirs. */

import type { JsonObject } from "./models.js";

/** A schema's definition; which fields there are depends on `typeName`. */
interface Def {
  typeName?: string;
  description?: string;
  checks?: { kind: string; value?: number | string; inclusive?: boolean; regex?: RegExp }[];
  [field: string]: unknown;
}

type IO = "input" | "output";

/** The JSON Schema of a zod v3 schema, as it is before (`input`) or after (`output`) defaults. */
export function toJsonSchema(schema: unknown, io: IO): JsonObject {
  return new Converter(io).convert(schema, []);
}

class Converter {
  constructor(readonly io: IO) {}

  convert(schema: unknown, outer: readonly unknown[]): JsonObject {
    // A recursive type: what is below it is left open.
    if (outer.includes(schema)) return {};
    const def = (schema as { _def: Def })._def;
    const result = this.#shape(def, [...outer, schema]);
    return def.description === undefined ? result : { ...result, description: def.description };
  }

  #shape(def: Def, outer: readonly unknown[]): JsonObject {
    const inner = (schema: unknown): JsonObject => this.convert(schema, outer);
    switch (def.typeName) {
      case "ZodString":
        return { type: "string", ...stringChecks(def) };
      case "ZodNumber":
        return { type: def.checks?.some(({ kind }) => kind === "int") ? "integer" : "number", ...numberChecks(def) };
      case "ZodBigInt":
        return { type: "integer", ...numberChecks(def) };
      case "ZodBoolean":
        return { type: "boolean" };
      case "ZodNull":
        return { type: "null" };
      case "ZodDate":
        return { type: "string", format: "date-time" };
      case "ZodLiteral":
        return { const: def["value"] };
      case "ZodEnum":
        return { type: "string", enum: def["values"] };
      case "ZodNativeEnum":
        return { enum: enumValues(def["values"] as Record<string, string | number>) };
      case "ZodObject":
        return this.#object(def, inner);
      case "ZodArray":
        return { type: "array", items: inner(def["type"]), ...sizes(def, "minLength", "maxLength", "exactLength") };
      case "ZodSet":
        return {
          type: "array",
          uniqueItems: true,
          items: inner(def["valueType"]),
          ...sizes(def, "minSize", "maxSize"),
        };
      case "ZodTuple": {
        const items = def["items"] as unknown[];
        const rest = def["rest"] === null || def["rest"] === undefined ? false : inner(def["rest"]);
        return { type: "array", prefixItems: items.map(inner), minItems: items.length, items: rest };
      }
      case "ZodRecord":
        return { type: "object", additionalProperties: inner(def["valueType"]) };
      case "ZodUnion":
        return { anyOf: (def["options"] as unknown[]).map(inner) };
      case "ZodDiscriminatedUnion":
        return { anyOf: [...(def["options"] as Iterable<unknown>)].map(inner) };
      case "ZodIntersection":
        return { allOf: [inner(def["left"]), inner(def["right"])] };
      case "ZodNullable":
        return { anyOf: [inner(def["innerType"]), { type: "null" }] };
      case "ZodDefault":
        return { ...inner(def["innerType"]), default: (def["defaultValue"] as () => unknown)() };
      case "ZodOptional":
      case "ZodReadonly":
      case "ZodCatch":
        return inner(def["innerType"]);
      case "ZodBranded":
        return inner(def["type"]);
      case "ZodEffects":
        return inner(def["schema"]);
      case "ZodPipeline":
        return inner(this.io === "input" ? def["in"] : def["out"]);
      case "ZodLazy":
        return inner((def["getter"] as () => unknown)());
      default:
        return {};
    }
  }

  #object(def: Def, inner: (schema: unknown) => JsonObject): JsonObject {
    const shape = Object.entries((def["shape"] as () => Record<string, unknown>)());
    const required = shape.filter(([, schema]) => !this.#mayBeAbsent(schema)).map(([name]) => name);
    return {
      type: "object",
      properties: Object.fromEntries(shape.map(([name, schema]) => [name, inner(schema)])),
      ...(required.length > 0 ? { required } : {}),
      ...(def["unknownKeys"] === "strict" ? { additionalProperties: false } : {}),
    };
  }

  #mayBeAbsent(schema: unknown): boolean {
    const def = (schema as { _def: Def })._def;
    switch (def.typeName) {
      case "ZodOptional":
      case "ZodUndefined":
        return true;
      case "ZodDefault":
      case "ZodCatch":
        return this.io === "input";
      case "ZodNullable":
      case "ZodReadonly":
        return this.#mayBeAbsent(def["innerType"]);
      case "ZodEffects":
        return this.#mayBeAbsent(def["schema"]);
      default:
        return false;
    }
  }
}

function stringChecks(def: Def): JsonObject {
  const result: JsonObject = {};
  for (const { kind, value, regex } of def.checks ?? []) {
    if (kind === "min") result["minLength"] = value;
    else if (kind === "max") result["maxLength"] = value;
    else if (kind === "length") result["minLength"] = result["maxLength"] = value;
    else if (kind === "regex" && regex !== undefined) result["pattern"] = regex.source;
    else if (kind === "url") result["format"] = "uri";
    else if (kind === "datetime") result["format"] = "date-time";
    else if (kind === "email" || kind === "uuid" || kind === "date") result["format"] = kind;
  }
  return result;
}

function numberChecks(def: Def): JsonObject {
  const result: JsonObject = {};
  for (const { kind, value, inclusive } of def.checks ?? []) {
    if (kind === "min") result[inclusive ? "minimum" : "exclusiveMinimum"] = value;
    else if (kind === "max") result[inclusive ? "maximum" : "exclusiveMaximum"] = value;
    else if (kind === "multipleOf") result["multipleOf"] = value;
  }
  return result;
}

function sizes(def: Def, least: string, most: string, exact?: string): JsonObject {
  const size = (name: string | undefined): unknown =>
    name === undefined ? undefined : (def[name] as { value: unknown } | null | undefined)?.value;
  const [minItems, maxItems] = [size(exact) ?? size(least), size(exact) ?? size(most)];
  return { ...(minItems === undefined ? {} : { minItems }), ...(maxItems === undefined ? {} : { maxItems }) };
}

/** A numeric enum also maps its values back to their names. */
function enumValues(values: Record<string, string | number>): (string | number)[] {
  return Object.entries(values)
    .filter(([name]) => typeof values[values[name] as string] !== "number")
    .map(([, value]) => value);
}
