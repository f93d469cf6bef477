/** The shapes of arguments. */

import type { CustomTool, CustomToolkit } from "./custom-tools.js";

/** What a tool says about itself; sessions can be limited by it. */
export type Tag = "readOnlyHint" | "createHint" | "updateHint" | "destructiveHint" | "idempotentHint" | "openWorldHint";

/** Tools by tag. */
export interface TagsFilter {
  enable?: Tag[] | undefined;
  disable?: Tag[] | undefined;
  requireApproval?: Tag[] | undefined;
}

/** Which toolkits: a list stands for `{enable}`; an empty one allows none. */
export type ToolkitsConfig =
  | string[]
  | { enable: string[]; requireApproval?: string[] | undefined }
  | { disable: string[]; requireApproval?: string[] | undefined }
  | { requireApproval: string[] };

/** Which of one toolkit's tools: by slug, or by tag. */
export type ToolsConfig =
  | string[]
  | {
      enable?: string[] | undefined;
      disable?: string[] | undefined;
      tags?: Tag[] | TagsFilter | undefined;
      requireApproval?: string[] | undefined;
    };

/** Whether and how the model may connect accounts. */
export interface ManageConnectionsConfig {
  enable?: boolean | undefined;
  callbackUrl?: string | undefined;
  waitForConnections?: boolean | undefined;
}

/** The sandbox for code. `autoOffloadThreshold` is in characters. */
export interface SandboxConfig {
  enable?: boolean | undefined;
  enableProxyExecution?: boolean | undefined;
  autoOffloadThreshold?: number | undefined;
  sandboxSize?: "standard" | "medium" | "large" | "xlarge" | undefined;
}

/** Several connected accounts of one toolkit, 2 to 10. */
export interface MultiAccountConfig {
  enable?: boolean | undefined;
  maxAccountsPerToolkit?: number | undefined;
  requireExplicitSelection?: boolean | undefined;
}

/** Tools that are listed directly: slugs, or all. */
export interface PreloadConfig {
  tools: string[] | "all";
}

/** What a session may do. In `update`, what is left out stays and null clears. */
export interface SessionSettings {
  toolkits?: ToolkitsConfig | null | undefined;
  tools?: Record<string, ToolsConfig> | null | undefined;
  tags?: Tag[] | TagsFilter | null | undefined;
  /** By toolkit, the auth config that accounts are connected with. */
  authConfigs?: Record<string, string> | null | undefined;
  /** By toolkit, the connected accounts to use. */
  connectedAccounts?: Record<string, string | string[]> | null | undefined;
  manageConnections?: boolean | ManageConnectionsConfig | null | undefined;
  sandbox?: SandboxConfig | null | undefined;
  /** The old name of `sandbox`; not both. */
  workbench?: SandboxConfig | null | undefined;
  multiAccount?: MultiAccountConfig | null | undefined;
  preload?: PreloadConfig | null | undefined;
  /** Whether raw API calls are allowed. */
  proxyExecute?: boolean | { enable: boolean } | null | undefined;
  /** Hooks, as the API takes them. */
  hooks?: unknown;
}

/** The configuration of a new session. */
export interface SessionConfig extends SessionSettings {
  /** `direct_tools` lists every tool directly and leaves the meta tools out. */
  sessionPreset?: "direct_tools" | undefined;
  /** Whether a session on a foreign MCP server is an error. */
  mcp?: boolean | undefined;
  experimental?: ExperimentalConfig | undefined;
}

/** What is still experimental about a new session. */
export interface ExperimentalConfig {
  /** What the assistive prompt should know: the user's IANA time zone. */
  assistivePrompt?: { userTimezone?: string | undefined } | undefined;
  customTools?: CustomTool[] | undefined;
  customToolkits?: CustomToolkit[] | undefined;
  noElicitationSupportFallback?: "deny" | "allow" | undefined;
}

/** The arguments of `update`. */
export interface SessionUpdate extends SessionSettings {
  search?: unknown;
  execute?: unknown;
  experimental?: Omit<ExperimentalConfig, "customTools" | "customToolkits"> | null | undefined;
  /** Makes the update conditional: another stored version is a `SessionConfigConflictError`. */
  expectedConfigVersion?: number | null | undefined;
}

/** How a session that exists is taken up. */
export interface UseOptions {
  customTools?: CustomTool[] | undefined;
  customToolkits?: CustomToolkit[] | undefined;
  /** Whether a session on a foreign MCP server is an error. */
  mcp?: boolean | undefined;
}

/** How one tool runs. */
export interface ExecuteOptions {
  /** The connected account, an id or alias. */
  account?: string | undefined;
  /** The user's answers to an earlier `ToolInputRequiredError`. */
  inputResponses?: Record<string, unknown> | undefined;
  /** That error's `requestState`. */
  requestState?: string | undefined;
}

/** How an account is connected. */
export interface AuthorizeOptions {
  /** Where the user's browser goes afterwards. */
  callbackUrl?: string | undefined;
  /** A name for the account. */
  alias?: string | undefined;
  /** Further parameters of the API. */
  experimental?: Record<string, unknown> | undefined;
}

/** Which of the session's toolkits. */
export interface ToolkitsQuery {
  toolkits?: string[] | undefined;
  cursor?: string | undefined;
  /** 1 to 50. */
  limit?: number | undefined;
  isConnected?: boolean | undefined;
  search?: string | undefined;
}

/** What to find tools for. */
export interface SearchQuery {
  /** The use case, 1 to 1,024 characters. */
  query: string;
  /** Only tools of these toolkits. */
  toolkits?: string[] | undefined;
  /** The model that will use the tools. */
  model?: string | undefined;
}

/** A call of a toolkit's API. */
export interface ProxyExecuteParams {
  /** Whose credentials and base URL are used. */
  toolkit: string;
  /** A path below the base URL, or an absolute URL on the toolkit's hosts. */
  endpoint: string;
  method: "GET" | "POST" | "PUT" | "DELETE" | "PATCH";
  /** The JSON body. */
  body?: unknown;
  /** Query parameters and headers; by default headers. */
  parameters?: ProxyParameter[] | undefined;
}

/** A query parameter or header. */
export interface ProxyParameter {
  in?: "query" | "header" | undefined;
  type?: "query" | "header" | undefined;
  name: string;
  value: string | number | boolean;
}

/** A page of a list. */
export interface PageQuery {
  cursor?: string | undefined;
  limit?: number | undefined;
}

/** How an account is connected outside of a session. */
export interface LinkOptions {
  /** Where the user's browser goes afterwards. */
  callbackUrl?: string | undefined;
  alias?: string | undefined;
  /** Whether the user may have several accounts of the auth config, by default not. */
  allowMultiple?: boolean | undefined;
  experimental?: Record<string, unknown> | undefined;
}

/** How an account is made outside of a session. */
export interface InitiateOptions extends Omit<LinkOptions, "experimental"> {
  /** The credential, where the app has it, such as `{ authScheme: "API_KEY", val: { api_key: key } }`. */
  config?: { authScheme: string; val: Record<string, unknown> } | undefined;
}

/** What is changed of a connected account; what is left out stays. */
export interface AccountChanges {
  /** null takes it away. */
  alias?: string | null | undefined;
  /** Another credential. */
  connection?: { state: { authScheme: string; val: Record<string, unknown> } } | undefined;
  experimental?: Record<string, unknown> | undefined;
}

/** How an account is deleted. */
export interface DeleteAccountOptions {
  /** Whether its tokens are revoked at the provider first. */
  revokeOnDelete?: boolean | undefined;
}

/** How an account is refreshed. */
export interface RefreshOptions {
  /** Where the user's browser goes afterwards, if the user must connect the account again. */
  redirectUrl?: string | undefined;
}

/** What can be uploaded: a path or public URL, or bytes. */
export type FileInput = string | URL | Uint8Array | ArrayBuffer | Blob;
