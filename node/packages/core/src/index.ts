/**
 * Tool-router sessions for agents: scoped tools, connected accounts and custom tools, hosted or embedded.
 *
 * @packageDocumentation
 */

import { native } from "./native.js";

export type { RequestOptions } from "./calls.js";
export { AuthConfigs, ConnectedAccounts, ConnectionRequest } from "./accounts.js";
export { Composio, Sessions, type ComposioOptions } from "./client.js";
export {
  experimental_createTool,
  experimental_createToolkit,
  type CustomTool,
  type CustomToolkit,
  type CustomToolkitOptions,
  type CustomToolOptions,
  type SessionContext,
} from "./custom-tools.js";
export type { CallRequest } from "./engine.js";
export * from "./errors.js";
export { RemoteFile, SessionFilesMount, type MountOptions } from "./files.js";
export type * from "./models.js";
export type * from "./modifiers.js";
export { OpenAIProvider, type OpenAITool, type OpenAIToolMessage } from "./openai.js";
export {
  BaseAgenticProvider,
  BaseNonAgenticProvider,
  FormatProvider,
  type CallsTools,
  type ExecuteToolFn,
  type Provider,
  type ToolCall,
} from "./provider.js";
export { Toolkits, Tools, type CatalogueQuery, type RawToolsQuery } from "./resources.js";
export { triple } from "./native.js";
export type { InputOf, InputSchema, Zod3Schema, Zod4Schema } from "./schema.js";
export { Session, type EnsureConnectedOptions, type EnsuredConnection, type SessionExperimental } from "./session.js";
export type * from "./types.js";

/** Every kind of error, as the native module lists them; each has a class in {@link errorClasses}. */
export function errorKinds(): string[] {
  return native().errorKinds();
}
