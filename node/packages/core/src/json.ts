/** JavaScript values to JSON text and back, exact for integers of any size. */

import { ValidationError } from "./errors.js";

/** Deeper nesting is refused; it also ends a structure that contains itself. */
const MAX_DEPTH = 128;

/** A value as JSON text; `undefined` fields are left out. `what` names the value in error messages. */
export function encode(what: string, value: unknown): string {
  try {
    return write(value, MAX_DEPTH);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    throw new ValidationError(`${what}${error.path()}: ${error.reason}`, { kind: "validation" });
  }
}

/** Text as it may cross, since what is no valid Unicode would be changed silently. */
export function text(what: string, value: unknown): string {
  if (typeof value !== "string") {
    throw new ValidationError(`${what}: expected a string, got ${describe(value)}`, { kind: "validation" });
  }
  if (!isWellFormed(value)) {
    throw new ValidationError(`${what}: ${LONE_SURROGATE}`, { kind: "validation" });
  }
  return value;
}

/** The same for what may be left out. */
export function optionalText(what: string, value: unknown): string | undefined {
  return value === undefined || value === null ? undefined : text(what, value);
}

/** Why a value has no JSON form. The path is built while the writer unwinds, innermost step first. */
class Refusal {
  readonly #steps: string[] = [];

  constructor(readonly reason: string) {}

  at(step: string): this {
    this.#steps.push(step);
    return this;
  }

  path(): string {
    return this.#steps.reverse().join("");
  }
}

const LONE_SURROGATE = "holds a lone surrogate, which is not text; re-read it with the right encoding or replace it";

// `isWellFormed` is younger than the library that TypeScript is told of.
const isWellFormed = (value: string): boolean => (value as string & { isWellFormed(): boolean }).isWellFormed();

function write(value: unknown, depth: number): string {
  switch (typeof value) {
    case "string":
      if (!isWellFormed(value)) throw new Refusal(LONE_SURROGATE);
      return JSON.stringify(value);
    case "number":
      if (!Number.isFinite(value)) throw new Refusal("is NaN or infinite, which JSON cannot say");
      return String(value);
    case "boolean":
    case "bigint":
      return String(value);
    case "object":
      return value === null ? "null" : writeObject(value, depth - 1);
    default:
      throw new Refusal(`is ${describe(value)}, which has no JSON form`);
  }
}

function writeObject(value: object, depth: number): string {
  if (depth < 0) throw new Refusal(`is nested more than ${MAX_DEPTH} deep, or contains itself`);
  if ("toJSON" in value && typeof value.toJSON === "function") {
    return write((value as { toJSON(): unknown }).toJSON(), depth);
  }
  if (Array.isArray(value)) return writeArray(value, depth);
  if (value instanceof Number || value instanceof String || value instanceof Boolean) {
    return write(value.valueOf(), depth);
  }
  if (isOpaque(value)) throw new Refusal(`is ${describe(value)}, which has no JSON form`);
  let out = "{";
  for (const key of Object.keys(value)) {
    const item = (value as Record<string, unknown>)[key];
    if (item === undefined) continue;
    try {
      out += `${out.length > 1 ? "," : ""}${write(key, 0)}:${write(item, depth)}`;
    } catch (error) {
      throw error instanceof Refusal ? error.at(`.${key}`) : error;
    }
  }
  return `${out}}`;
}

function writeArray(items: unknown[], depth: number): string {
  let out = "[";
  for (let index = 0; index < items.length; index++) {
    try {
      out += (index > 0 ? "," : "") + write(items[index], depth);
    } catch (error) {
      throw error instanceof Refusal ? error.at(`[${index}]`) : error;
    }
  }
  return `${out}]`;
}

/** What `JSON.stringify` would turn into an empty object. */
function isOpaque(value: object): boolean {
  return (
    value instanceof Map ||
    value instanceof Set ||
    value instanceof Promise ||
    value instanceof RegExp ||
    value instanceof ArrayBuffer ||
    ArrayBuffer.isView(value)
  );
}

/** What a value is, for an error message. */
export function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (Array.isArray(value)) return "an array";
  if (typeof value !== "object") return `a ${typeof value}`;
  const name: unknown = (value as { constructor?: { name?: unknown } }).constructor?.name;
  return typeof name === "string" && name !== "" && name !== "Object" ? `a ${name}` : "an object";
}

const MAYBE_LONG = /\d{16}/;
const TOKEN = /"(?:[^"\\]+|\\.)*"|-?\d[\d.eE+-]*/g;
const INTEGER = /^-?\d{16,}$/;

/** JSON text as JavaScript values. An integer that a number cannot hold exactly becomes a `bigint`. */
export function decode(text: string): unknown {
  return MAYBE_LONG.test(text) ? decodeExactly(text) : (JSON.parse(text) as unknown);
}

function decodeExactly(text: string): unknown {
  // No text of the document can start with a word that is nowhere in it.
  let mark = "integer:";
  while (text.includes(mark)) mark = `_${mark}`;
  let found = false;
  const marked = text.replace(TOKEN, (token) => {
    if (!INTEGER.test(token) || Number.isSafeInteger(Number(token))) return token;
    found = true;
    return `"${mark}${token}"`;
  });
  if (!found) return JSON.parse(text);
  return JSON.parse(marked, (_key, value: unknown) =>
    typeof value === "string" && value.startsWith(mark) ? BigInt(value.slice(mark.length)) : value,
  );
}
