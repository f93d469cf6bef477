/** User code around tools: it changes a schema before the model sees it, arguments before a tool runs, results after. */

import { FileUploadAbortedError, InvalidModifier } from "./errors.js";
import { describe } from "./json.js";
import type { JsonObject, Tool, ToolCallResult } from "./models.js";
import type { FileInput } from "./types.js";

/** Which tool a modifier is called for. */
export interface ModifierContext {
  toolSlug: string;
  toolkitSlug: string;
}

/** What a tool is called with. */
export interface ToolExecuteParams {
  arguments: JsonObject;
  account?: string | undefined;
}

/** Which file a `beforeFileUpload` modifier is asked about; the slugs are empty for an upload to a session's mount. */
export interface FileUploadContext extends ModifierContext {
  path: string;
  source: "path" | "url";
}

/** A value or a promise of it. */
export type Awaitable<T> = T | Promise<T>;
/** Changes what a model sees of a tool. */
export type SchemaModifier = (context: ModifierContext & { schema: Tool }) => Awaitable<Tool>;
/** Changes what a tool is called with. */
export type BeforeExecuteModifier = (
  context: ModifierContext & { params: ToolExecuteParams },
) => Awaitable<ToolExecuteParams>;
/** Changes what a tool answered. */
export type AfterExecuteModifier = (context: ModifierContext & { result: ToolCallResult }) => Awaitable<ToolCallResult>;
/** Gives the path or URL to upload, or false to refuse. */
export type BeforeFileUploadModifier = (context: FileUploadContext) => Awaitable<string | false>;

/** A modifier for some tools and toolkits only; slugs in any case. */
export interface Filtered<F> {
  modifier: F;
  tools?: string[] | undefined;
  toolkits?: string[] | undefined;
}

/** A modifier, one with a filter, or several of them; they run in their order. */
export type Modifiers<F> = F | Filtered<F> | (F | Filtered<F>)[];

/** The modifiers around a session's tools. Around a multi-execute they run once. */
export interface ToolModifiers {
  modifySchema?: Modifiers<SchemaModifier> | undefined;
  beforeExecute?: Modifiers<BeforeExecuteModifier> | undefined;
  afterExecute?: Modifiers<AfterExecuteModifier> | undefined;
  /** Asked for each file that goes up by itself; see `dangerouslyAllowAutoUploadDownloadFiles`. */
  beforeFileUpload?: Modifiers<BeforeFileUploadModifier> | undefined;
}

/** The modifiers of an upload. */
export interface FileModifiers {
  beforeFileUpload?: BeforeFileUploadModifier | BeforeFileUploadModifier[] | undefined;
}

/** The functions that are for a tool, in the order given. */
export function select<F>(modifiers: Modifiers<F> | undefined, name: string, tool: string, toolkit: string): F[] {
  if (modifiers === undefined) return [];
  const list = Array.isArray(modifiers) ? modifiers : [modifiers];
  return list.filter((entry) => appliesTo(entry, name, tool, toolkit)).map((entry) => functionOf(entry));
}

function functionOf<F>(entry: F | Filtered<F>): F {
  return typeof entry === "function" ? entry : (entry as Filtered<F>).modifier;
}

function appliesTo<F>(entry: F | Filtered<F>, name: string, tool: string, toolkit: string): boolean {
  if (typeof entry === "function") return true;
  const { modifier, tools, toolkits } = (entry ?? {}) as Partial<Filtered<F>>;
  if (typeof modifier !== "function") {
    throw new InvalidModifier(`${name}: expected a function or {modifier, tools?, toolkits?}, got ${describe(entry)}`);
  }
  if (!tools?.length && !toolkits?.length) return true;
  const is = (slug: string) => (other: string) => other.toUpperCase() === slug.toUpperCase();
  return (tools?.some(is(tool)) ?? false) || (toolkits?.some(is(toolkit)) ?? false);
}

/** What a modifier returned, if it is an object. */
export function usable<T>(name: string, tool: string, value: T): T {
  if (typeof value === "object" && value !== null) return value;
  throw new InvalidModifier(
    `${name} for ${tool} must return the object it was given or another, not ${describe(value)}`,
  );
}

/** The path or URL to upload after the modifiers, or false where one refused. */
export async function judgeUpload(
  path: string,
  hooks: readonly BeforeFileUploadModifier[],
  context: ModifierContext,
): Promise<string | false> {
  let approved = path;
  for (const hook of hooks) {
    const source = /^https?:\/\//i.test(approved) ? "url" : "path";
    const answer = await hook({ ...context, path: approved, source });
    if (answer === false) return false;
    approved = answer;
  }
  return approved;
}

/** What to upload, after the modifiers; bytes are no file and need no approval. */
export async function approveUpload(input: FileInput, modifiers: FileModifiers | undefined): Promise<FileInput> {
  const hooks = modifiers?.beforeFileUpload;
  if (hooks === undefined || !(typeof input === "string" || input instanceof URL)) return input;
  const path = String(input);
  const approved = await judgeUpload(path, [hooks].flat(), { toolSlug: "", toolkitSlug: "" });
  if (approved === false) {
    throw new FileUploadAbortedError(`${path}: a beforeFileUpload modifier refused the upload`);
  }
  return approved;
}
