/** Custom tools: functions of this process that a session offers beside the backend's tools. */

import type { RequestOptions } from "./calls.js";
import { snakify } from "./case.js";
import { ValidationError } from "./errors.js";
import { decode, describe, encode } from "./json.js";
import { lifted } from "./lift.js";
import type { JsonObject, SessionExecuteResponse, SessionProxyExecuteResponse } from "./models.js";
import { native } from "./native.js";
import { inputOf, outputSchemaOf, type InputOf, type InputSchema } from "./schema.js";
import type { ProxyExecuteParams } from "./types.js";

/** What a custom tool may do in its session. */
export interface SessionContext {
  /** Whom the session acts for. */
  readonly userId: string;
  /** Aborted when the caller gives the call up; none where the caller gave no signal. */
  readonly signal: AbortSignal | undefined;
  /** Runs another tool: a sibling here, any other at the backend. */
  execute(toolSlug: string, args?: JsonObject, options?: RequestOptions): Promise<SessionExecuteResponse>;
  /** Calls a toolkit's API with the user's credentials. */
  proxyExecute(params: ProxyExecuteParams, options?: RequestOptions): Promise<SessionProxyExecuteResponse>;
}

/** What `experimental_createTool` takes beside the slug. */
export interface CustomToolOptions<S extends InputSchema = InputSchema> {
  /** The name for people; by default the slug in title case. */
  name?: string | undefined;
  /** What the tool does, for a model. */
  description: string;
  /** The arguments: a zod schema (v3 or v4) or a JSON Schema of type `object`. */
  inputParams: S;
  /** The result: a zod schema or a JSON Schema. */
  outputParams?: InputSchema | undefined;
  /** The toolkit that the tool joins. */
  extendsToolkit?: string | undefined;
  /** Whether it is listed directly, not only found by search. */
  preload?: boolean | undefined;
  /**
   * The function. What it returns becomes the result's `data`; what it throws makes the result a failure with that
   * message.
   */
  execute: (input: InputOf<S>, ctx: SessionContext) => unknown;
}

const BRAND: unique symbol = Symbol.for("composio.customTool");

/** A custom tool; made by {@link experimental_createTool}. */
export interface CustomTool {
  readonly [BRAND]: true;
  /** The slug as given; a session calls the tool by a final slug that starts with `LOCAL_`. */
  readonly slug: string;
  readonly name: string;
  readonly description: string;
  /** The JSON Schema of the arguments. */
  readonly inputSchema: JsonObject;
  readonly outputSchema: JsonObject | undefined;
  readonly extendsToolkit: string | undefined;
  readonly preload: boolean | undefined;
  /** The tool as the native module takes it. */
  readonly definition: JsonObject;
  /** Calls the function with a model's arguments, checked and coerced. */
  invoke(args: JsonObject, ctx: SessionContext): Promise<unknown>;
}

/**
 * Makes a custom tool of a function.
 *
 * @throws ValidationError The definition is not usable; the message says why.
 *
 * @example
 * const add = experimental_createTool("ADD", {
 *   name: "Add",
 *   description: "Adds two numbers.",
 *   inputParams: z.object({ a: z.number(), b: z.number().default(1) }),
 *   execute: async ({ a, b }) => ({ sum: a + b }),
 * });
 * const session = await composio.create("user_123", { experimental: { customTools: [add] } });
 */
export function experimental_createTool<S extends InputSchema>(
  slug: string,
  options: CustomToolOptions<S>,
): CustomTool {
  const { name, description, inputParams, outputParams, extendsToolkit, preload, execute } = options;
  if (typeof execute !== "function") {
    throw new ValidationError(`custom tool ${slug}: execute must be a function, got ${describe(execute)}`, {
      kind: "validation",
    });
  }
  const input = inputOf(slug, inputParams);
  const outputSchema = outputParams === undefined ? undefined : outputSchemaOf(slug, outputParams);
  const draft = encode(`custom tool ${slug}`, {
    slug,
    name,
    description,
    input_schema: input.schema,
    output_schema: outputSchema,
    extends_toolkit: extendsToolkit,
    preload,
    // A zod schema checks and coerces on its own, by richer rules than its JSON Schema can say.
    validate: input.parse === undefined,
  });
  const definition = decode(lifted(() => native().defineTool(draft))) as JsonObject;
  return {
    [BRAND]: true,
    slug,
    name: definition["name"] as string,
    description: definition["description"] as string,
    inputSchema: input.schema,
    outputSchema,
    extendsToolkit,
    preload,
    definition,
    invoke: async (args, ctx) => {
      const parsed = input.parse === undefined ? args : await input.parse(args);
      return execute(parsed as InputOf<S>, ctx);
    },
  };
}

/** What `experimental_createToolkit` takes beside the slug. */
export interface CustomToolkitOptions {
  name: string;
  description: string;
  tools: CustomTool[];
  /** Whether its tools are listed directly, where they do not say it themselves. */
  preload?: boolean | undefined;
}

/** A toolkit of custom tools; made by {@link experimental_createToolkit}. */
export interface CustomToolkit {
  readonly slug: string;
  readonly name: string;
  readonly description: string;
  readonly tools: readonly CustomTool[];
  readonly preload: boolean | undefined;
}

/**
 * Makes a toolkit of custom tools.
 *
 * @throws ValidationError Something else than a custom tool is in `tools`.
 */
export function experimental_createToolkit(slug: string, options: CustomToolkitOptions): CustomToolkit {
  const { name, description, tools, preload } = options;
  checkTools(`toolkit ${slug}: tools`, tools);
  return { slug, name, description, tools: [...tools], preload };
}

/** Custom tools as the native module takes them, and in the order in which a session lists them. */
export function bundle(
  tools: readonly CustomTool[] = [],
  toolkits: readonly CustomToolkit[] = [],
): { definitions: string; toolkitDefinitions: string; ordered: CustomTool[] } {
  checkTools("customTools", tools);
  checkToolkits(toolkits);
  const toolkitDefinitions = toolkits.map(({ tools, ...toolkit }) => ({
    ...(snakify(toolkit) as JsonObject),
    tools: tools.map((tool) => tool.definition),
  }));
  return {
    definitions: encode(
      "customTools",
      tools.map((tool) => tool.definition),
    ),
    toolkitDefinitions: encode("customToolkits", toolkitDefinitions),
    ordered: [...tools, ...toolkits.flatMap((toolkit) => toolkit.tools)],
  };
}

function checkToolkits(toolkits: unknown): void {
  if (!Array.isArray(toolkits)) throw refusal("customToolkits", "an array", toolkits);
  for (const [index, toolkit] of (toolkits as unknown[]).entries()) {
    if (typeof toolkit !== "object" || toolkit === null || !("tools" in toolkit)) {
      throw refusal(`customToolkits[${index}]`, "a toolkit of experimental_createToolkit", toolkit);
    }
    checkTools(`customToolkits[${index}].tools`, toolkit.tools);
  }
}

function checkTools(what: string, tools: unknown): void {
  if (!Array.isArray(tools)) throw refusal(what, "an array", tools);
  for (const [index, tool] of (tools as unknown[]).entries()) {
    if (typeof tool !== "object" || tool === null || !(BRAND in tool)) {
      throw refusal(`${what}[${index}]`, "a tool of experimental_createTool", tool);
    }
  }
}

function refusal(what: string, expected: string, value: unknown): ValidationError {
  return new ValidationError(`${what}: expected ${expected}, got ${describe(value)}`, { kind: "validation" });
}
