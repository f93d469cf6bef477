/** Input schemas: zod's, told by their shape so that zod is never imported here, and plain JSON Schema. */

import { createRequire } from "node:module";

import { ValidationError } from "./errors.js";
import { describe } from "./json.js";
import type { JsonObject } from "./models.js";
import { here } from "./native.js";
import { toJsonSchema } from "./zod3.js";

/** A schema of zod v4, as far as it is used here. */
export interface Zod4Schema {
  readonly _zod: { readonly output: unknown; readonly input: unknown };
}

/** A schema of zod v3, as far as it is used here. */
export interface Zod3Schema {
  readonly _def: object;
  readonly _output: unknown;
  readonly _input: unknown;
}

/** What a custom tool's arguments can be described by: a zod schema, v3 or v4, or a JSON Schema. */
export type InputSchema = Zod4Schema | Zod3Schema | JsonObject;

/** What a custom tool's function gets. */
export type InputOf<S> = S extends { readonly _zod: { readonly output: infer O } }
  ? O
  : S extends { readonly _def: object; readonly _output: infer O }
    ? O
    : JsonObject;

interface Issue {
  readonly path: readonly (string | number | symbol)[];
  readonly message: string;
}

type Parsed = { success: true; data: unknown } | { success: false; error: { issues: readonly Issue[] } };

interface ZodSchema {
  safeParseAsync?(value: unknown): Promise<Parsed>;
  toJSONSchema?(options: object): JsonObject;
}

/** How a custom tool's arguments are described and, where the schema does it itself, checked and coerced. */
export interface Input {
  schema: JsonObject;
  parse?: (value: unknown) => Promise<unknown>;
}

/** Reads the schema of a tool's arguments. */
export function inputOf(slug: string, schema: InputSchema): Input {
  if (!isZod(schema)) return { schema: jsonSchema(slug, "inputParams", schema) };
  return {
    schema: zodSchema(slug, schema, "input"),
    parse: async (value) => {
      const parsed = await parseZod(schema, value);
      if (parsed.success) return parsed.data;
      const reasons = parsed.error.issues.map(
        ({ path, message }) => `${path.map(String).join(".") || "input"}: ${message}`,
      );
      throw new ValidationError(`Invalid arguments for ${slug}: ${reasons.join("; ")}`, { kind: "validation" });
    },
  };
}

/** Reads the schema of a tool's result. */
export function outputSchemaOf(slug: string, schema: InputSchema): JsonObject {
  return isZod(schema) ? zodSchema(slug, schema, "output") : jsonSchema(slug, "outputParams", schema);
}

function isZod(schema: unknown): schema is Zod4Schema | Zod3Schema {
  if (typeof schema !== "object" || schema === null) return false;
  return "_zod" in schema || ("_def" in schema && "safeParse" in schema);
}

function jsonSchema(slug: string, what: string, schema: unknown): JsonObject {
  if (typeof schema === "object" && schema !== null && !Array.isArray(schema)) return schema as JsonObject;
  throw new ValidationError(
    `custom tool ${slug}: ${what} must be a zod schema or a JSON Schema, got ${describe(schema)}`,
    { kind: "validation" },
  );
}

async function parseZod(schema: Zod4Schema | Zod3Schema, value: unknown): Promise<Parsed> {
  const own = schema as ZodSchema;
  if (own.safeParseAsync !== undefined) return own.safeParseAsync(value);
  // zod/mini: its schemas have no methods of their own to parse with.
  return zod4("safeParseAsync")(schema, value) as Promise<Parsed>;
}

function zodSchema(slug: string, schema: Zod4Schema | Zod3Schema, io: "input" | "output"): JsonObject {
  try {
    if (!("_zod" in schema)) return toJsonSchema(schema, io);
    const options = { io, unrepresentable: "any" };
    const own = schema as ZodSchema;
    return (own.toJSONSchema?.(options) ?? zod4("toJSONSchema")(schema, options)) as JsonObject;
  } catch (error) {
    if (error instanceof ValidationError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new ValidationError(`custom tool ${slug}: the zod schema has no JSON Schema: ${reason}`, {
      kind: "validation",
      cause: error,
    });
  }
}

function zod4(name: "toJSONSchema" | "safeParseAsync"): (...args: unknown[]) => unknown {
  const core = createRequire(here)("zod/v4/core") as Record<string, (...args: unknown[]) => unknown>;
  const found = core[name];
  if (found === undefined) throw new Error(`zod/v4/core has no ${name}`);
  return found;
}
