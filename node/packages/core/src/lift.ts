/** What the native module throws, as the classes of errors here. */

import { camelize } from "./case.js";
import { ComposioError, errorClasses, ValidationError, type ErrorFields } from "./errors.js";
import { decode } from "./json.js";

/** The error that the native module described. */
export function raise(description: string): ComposioError {
  const given = Object.entries(camelize(decode(description)) as object).filter(([, value]) => value !== null);
  const { message, causes, ...fields } = Object.fromEntries(given) as {
    message: string;
    causes: string[];
  } & ErrorFields;
  const Class = errorClasses[fields.kind ?? ""] ?? ComposioError;
  return new Class(message, causes.length > 0 ? { ...fields, cause: chain(causes) } : fields);
}

/** Errors, each the cause of the one before. */
function chain([message, ...causes]: string[]): Error {
  return new Error(message, causes.length > 0 ? { cause: chain(causes) } : undefined);
}

/** What a native function threw, as one of the classes here. */
export function lift(thrown: unknown): unknown {
  if (!(thrown instanceof Error) || thrown instanceof ComposioError) return thrown;
  const { code } = thrown as { code?: unknown };
  if (code === "ComposioError") return raise(thrown.message);
  // napi's own, for an argument of a wrong type.
  if (typeof code === "string" && (code.endsWith("Expected") || code === "InvalidArg")) {
    return new ValidationError(thrown.message, { kind: "validation", cause: thrown });
  }
  return thrown;
}

/** Runs native code that answers at once. */
export function lifted<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw lift(error);
  }
}
