/** What calls answer with. Fields of a later contract are there under their own names. */

/** An object of JSON. */
export type JsonObject = Record<string, unknown>;

/** A tool as the backend lists it. The parameters are JSON Schemas. */
export interface Tool {
  slug: string;
  name?: string;
  description?: string;
  toolkit?: { slug: string; name?: string; logo?: string };
  inputParameters?: JsonObject;
  outputParameters?: JsonObject | null;
  tags?: string[];
  version?: string;
  availableVersions?: string[];
  isDeprecated?: boolean;
  noAuth?: boolean;
  scopes?: string[];
}

/** What a tool answered. A failed tool is an answer too: `error` says why. */
export interface SessionExecuteResponse {
  data: JsonObject;
  error: string | null;
  /** Empty where the tool ran in this process. */
  logId: string;
  resultType?: string;
}

/** What one tool call of a model's reply came to. */
export interface ToolCallResult {
  data: JsonObject;
  error: string | null;
  successful: boolean;
}

/** What the proxied API answered. `status` is its HTTP status. */
export interface SessionProxyExecuteResponse {
  status: number;
  data?: unknown;
  headers: Record<string, string>;
  binaryData?: { url: string; contentType?: string; size?: number; expiresAt?: string };
}

/** The tools for one use case, best first. */
export interface SearchResult {
  index: number;
  useCase: string;
  primaryToolSlugs: string[];
  relatedToolSlugs: string[];
  toolkits: string[];
  executionGuidance?: string;
  error?: string | null;
}

/** A tool that a search found. */
export interface SearchedTool {
  toolSlug: string;
  toolkit: string;
  description?: string;
  inputSchema?: JsonObject;
  outputSchema?: JsonObject;
  hasFullSchema?: boolean;
}

/** The tools that were found, and their schemas by slug. */
export interface SessionSearchResponse {
  success: boolean;
  error: string | null;
  results: SearchResult[];
  toolSchemas: Record<string, SearchedTool>;
  toolkitConnectionStatuses: JsonObject[];
  nextStepsGuidance: string[];
  session: JsonObject;
  timeInfo?: { currentTimeUtc: string; currentTimeUtcEpochSeconds: number; message: string };
}

/** Whether and how a toolkit is connected. */
export interface ToolkitConnection {
  isActive: boolean;
  authConfig?: { id: string; mode: string; isComposioManaged: boolean };
  connectedAccount?: { id: string; status: string };
}

/** A toolkit of the session; without `connection` where none is needed. */
export interface ToolkitConnectionState {
  slug: string;
  name: string;
  logo?: string;
  isNoAuth: boolean;
  connection?: ToolkitConnection;
}

/** A page of the session's toolkits; the last one has no `cursor`. */
export interface ToolkitConnectionsDetails {
  items: ToolkitConnectionState[];
  cursor?: string;
  totalPages: number;
}

/** A connected account; `status` is `ACTIVE` once it can be used. */
export interface ConnectedAccount extends JsonObject {
  id: string;
  status: string;
  statusReason?: string | null;
}

/** A refreshed account; where only its user can connect it again, `redirectUrl` is where they go. */
export interface ConnectedAccountRefresh extends JsonObject {
  id: string;
  status: string;
  redirectUrl?: string | null;
}

/** An account that was revoked, and which of its tokens the provider revoked. */
export interface ConnectedAccountRevocation extends JsonObject {
  connectedAccount: { id: string; status: string };
  revokedTokens: string[];
}

/** An account that was connected. */
export interface CompletedAuth extends JsonObject {
  connectedAccountId: string;
  toolkitSlug: string;
}

/** That something was done. */
export interface Done extends JsonObject {
  success: boolean;
}

/** How the accounts of a toolkit are made. */
export interface AuthConfig extends JsonObject {
  id: string;
}

/** A page of a list; the last one has no `nextCursor`. */
export interface Page<T> {
  items: T[];
  nextCursor?: string | null;
  totalPages?: number;
}

/** A toolkit of the catalogue. */
export interface Toolkit extends JsonObject {
  slug: string;
  name: string;
  noAuth?: boolean;
}

/** A custom tool of a session, under its final slug. */
export interface RegisteredCustomTool {
  slug: string;
  name: string;
  description: string;
  toolkit?: string;
  inputSchema: JsonObject;
  outputSchema?: JsonObject;
}

/** A custom toolkit of a session. */
export interface RegisteredCustomToolkit {
  slug: string;
  name: string;
  description: string;
  tools: RegisteredCustomTool[];
}

/** A place where a provider does not take a tool's schema as it is. */
export interface SchemaChange {
  /** The place in the schema that the provider gets, as a JSON pointer. */
  path: string;
  keyword: string;
  change: "dropped" | "rewritten";
  reason: string;
}

/** How a provider takes a tool. */
export interface ToolSchemaReport {
  slug: string;
  /** The name that the model knows it by: the slug, or an alias of at most 64 characters. */
  name: string;
  /** Whether the provider holds a model to the schema. */
  strict: boolean;
  /** Why it does not. */
  notStrict: string | null;
  changes: SchemaChange[];
}

/** One version of a session's configuration. */
export interface SessionConfigVersion {
  version: number;
  config: JsonObject;
  isCurrent: boolean;
  createdAt: string;
}

/** The session that was deleted. */
export interface SessionDeleteResponse {
  sessionId: string;
  deleted: boolean;
}

/** A file of the mount. `size` is in bytes, `lastModified` RFC 3339. */
export interface FileItem {
  mountRelativePath: string;
  sandboxMountPrefix: string;
  size: number;
  lastModified: string;
}

/** The file that was deleted. */
export interface FileDeleteResponse {
  mountRelativePath: string;
  sandboxMountPrefix?: string;
}

/** Where the session is served over MCP. `headers` authenticate there, and a query may: keep both secret. */
export interface McpServerConfig {
  type: "http" | "sse";
  url: string;
  headers: Record<string, string>;
}
