/** Names of fields: camelCase here, snake_case on the wire. What users and tools own keeps its names. */

/** Fields whose values belong to users and tools, by their names on the wire. */
const OPAQUE = new Set([
  "arguments",
  "auth_configs",
  "body",
  "connected_accounts",
  "data",
  "env",
  "headers",
  "input_parameters",
  "input_requests",
  "input_responses",
  "input_schema",
  "output_parameters",
  "output_schema",
  "params",
  "parameters",
  "state",
  "val",
]);

/** Fields whose values are objects by slug: the slugs keep their names, what is below does not. */
const BY_SLUG = new Set(["overrides", "tool_schemas", "tools"]);

type Rename = (name: string) => string;

const camelNames = new Map<string, string>();
const snakeNames = new Map<string, string>();
/** Names are few; strange replies must not fill the memory. */
const MAX_NAMES = 2000;

function remembered(names: Map<string, string>, name: string, rename: Rename): string {
  let renamed = names.get(name);
  if (renamed === undefined) {
    renamed = rename(name);
    if (names.size < MAX_NAMES) names.set(name, renamed);
  }
  return renamed;
}

/** `log_id` as `logId`. */
export function camel(name: string): string {
  return remembered(camelNames, name, (name) =>
    name.replace(/(?<=[a-z0-9])_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase()),
  );
}

/** `logId` as `log_id`. */
export function snake(name: string): string {
  return remembered(snakeNames, name, (name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));
}

/** A reply with names in camelCase. */
export function camelize(value: unknown): unknown {
  return rename(value, (name) => name, camel);
}

/** Arguments with names in snake_case. */
export function snakify(value: unknown): unknown {
  return rename(value, snake, snake);
}

function rename(value: unknown, wireName: Rename, name: Rename): unknown {
  if (Array.isArray(value)) return value.map((item) => rename(item, wireName, name));
  if (!isPlain(value)) return value;
  return mapEntries(value, name, (key, item) => {
    const wire = wireName(key);
    if (OPAQUE.has(wire)) return item;
    if (BY_SLUG.has(wire) && isPlain(item)) {
      return mapEntries(
        item,
        (slug) => slug,
        (_, entry) => rename(entry, wireName, name),
      );
    }
    return rename(item, wireName, name);
  });
}

function mapEntries(value: object, name: Rename, map: (key: string, item: unknown) => unknown): object {
  const result: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value)) {
    const renamed = name(key);
    const mapped = map(key, item);
    // An assignment would set the prototype.
    if (renamed === "__proto__") Object.defineProperty(result, renamed, { value: mapped, enumerable: true });
    else result[renamed] = mapped;
  }
  return result;
}

function isPlain(value: unknown): value is object {
  if (typeof value !== "object" || value === null) return false;
  const prototype = Object.getPrototypeOf(value) as object | null;
  // Every realm, such as a test runner's, has an `Object.prototype` of its own.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
