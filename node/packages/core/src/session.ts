/** Sessions: the tools, accounts and files that an agent may use for one user. */

import { ConnectionRequest, hidden } from "./accounts.js";
import { call, type RequestOptions } from "./calls.js";
import { camelize, snakify } from "./case.js";
import { executed, lower, type CallRequest, type Engine } from "./engine.js";
import { SessionFilesMount } from "./files.js";
import { decode, encode, optionalText, text } from "./json.js";
import { lifted } from "./lift.js";
import type {
  JsonObject,
  McpServerConfig,
  Page,
  RegisteredCustomTool,
  RegisteredCustomToolkit,
  SessionConfigVersion,
  SessionDeleteResponse,
  SessionExecuteResponse,
  SessionProxyExecuteResponse,
  SessionSearchResponse,
  ToolCallResult,
  ToolkitConnectionsDetails,
  ToolSchemaReport,
} from "./models.js";
import type { ToolModifiers } from "./modifiers.js";
import type { NativeClient, NativeSession } from "./native.js";
import type {
  AuthorizeOptions,
  ExecuteOptions,
  PageQuery,
  PreloadConfig,
  ProxyExecuteParams,
  SearchQuery,
  SessionUpdate,
  ToolkitsQuery,
} from "./types.js";

/** What is still experimental about a session. */
export interface SessionExperimental {
  /** The files that the session's sandbox sees too. */
  readonly files: SessionFilesMount;
  /** What the model should be told, where `assistivePrompt` was asked for. */
  readonly assistivePrompt?: string;
}

/** How an account is made sure of. */
export interface EnsureConnectedOptions extends AuthorizeOptions {
  /** How long to wait for the user, in milliseconds; by default 60,000. */
  timeout?: number | undefined;
  /** Is given the request where the user has to act: send them to its `redirectUrl`. */
  onRequest?: ((request: ConnectionRequest) => void) | undefined;
}

/** What {@link Session.ensureConnected} came to. */
export interface EnsuredConnection {
  toolkit: string;
  /** Whether there was nothing to do. */
  wasConnected: boolean;
  /** None where the toolkit needs no account. */
  connectedAccount?: { id: string; status: string };
}

/**
 * A session; made by `composio.create` or `composio.use`.
 *
 * Every method rejects with the class of error that fits what went wrong. `TCollection` is what the provider makes of
 * tools.
 */
export class Session<TCollection = unknown> {
  readonly #engine: Engine;
  readonly #native: NativeSession;
  readonly #client: NativeClient;
  /** What is still experimental about the session. */
  readonly experimental: SessionExperimental;

  /** @internal */
  constructor(engine: Engine, client: NativeClient) {
    this.#engine = engine;
    this.#native = engine.native;
    this.#client = client;
    const prompt = this.#native.assistivePrompt;
    const files = new SessionFilesMount(this.#native);
    this.experimental = prompt === null ? { files } : { files, assistivePrompt: prompt };
    const warning = this.#native.mcpWarning;
    if (warning !== null) process.emitWarning(warning, "ComposioWarning");
  }

  /** The session's id; `composio.use(sessionId)` takes the session up again. */
  get sessionId(): string {
    return this.#native.id;
  }

  /** Whom the session acts for. */
  get userId(): string {
    return this.#native.userId;
  }

  /** The effective configuration as of the last create, use or update. */
  get config(): JsonObject {
    return camelize(decode(this.#native.config)) as JsonObject;
  }

  /** The version of `config`, from 1. */
  get configVersion(): number {
    return this.#native.configVersion;
  }

  /** What the last create, use or update warned of. */
  get warnings(): { code: string; message: string }[] {
    return decode(this.#native.warnings) as { code: string; message: string }[];
  }

  /** Which tools are listed directly. */
  get preload(): PreloadConfig | undefined {
    const preload = this.#native.preload;
    return preload === null ? undefined : (decode(preload) as PreloadConfig);
  }

  /** Where an MCP client reaches the session, and with which headers. Logs do not show them. */
  get mcp(): McpServerConfig {
    return hidden(this.#native.mcp, ({ type, url, headers }) => ({
      type,
      url: url.replace(/\?.*$/s, "?***"),
      headers: Object.fromEntries(Object.keys(headers).map((name) => [name, "***"])),
    }));
  }

  /**
   * The session's tools, as the provider of the client wraps them; by default for OpenAI chat completions.
   *
   * @param modifiers `modifySchema` changes what the model sees; `beforeExecute` and `afterExecute` apply where the
   *   provider's framework runs the tools.
   */
  async tools(modifiers?: ToolModifiers, options?: RequestOptions): Promise<TCollection> {
    return (await this.#engine.tools(modifiers, options)) as TCollection;
  }

  /**
   * Runs a tool: a custom one in this process, any other at the backend. Never sent twice. A tool that failed is a
   * result, not a rejection.
   *
   * @param toolSlug The tool; for a custom one its final slug or, where only one tool has it, its own.
   * @throws ToolInputRequiredError The tool waits for the user.
   * @throws ValidationError The slug is ambiguous, or the arguments have no JSON form.
   */
  async execute(
    toolSlug: string,
    args?: JsonObject,
    options?: ExecuteOptions,
    request?: RequestOptions,
  ): Promise<SessionExecuteResponse> {
    return this.#engine.execute({ ...options, slug: toolSlug, arguments: args }, request?.signal);
  }

  /** Runs a meta tool, such as `COMPOSIO_MANAGE_CONNECTIONS`, at the backend. */
  async executeMeta(
    slug: string,
    args?: JsonObject,
    options?: Omit<ExecuteOptions, "account">,
    request?: RequestOptions,
  ): Promise<SessionExecuteResponse> {
    const lowered = lower({ ...options, slug, arguments: args });
    return executed(await call((queue) => this.#native.executeMeta(queue, lowered), request));
  }

  /** Calls a toolkit's API with the user's credentials. */
  async proxyExecute(params: ProxyExecuteParams, options?: RequestOptions): Promise<SessionProxyExecuteResponse> {
    return this.#engine.proxyExecute(params, options);
  }

  /**
   * Runs all tool calls of a model's reply at once and gives the messages to send back to the model.
   *
   * @param reply The reply, as the provider's SDK gives it or as a plain object.
   * @param modifiers `beforeExecute` and `afterExecute` around each call.
   * @typeParam TMessage The messages of the provider.
   * @throws ValidationError The reply is not one of the client's provider.
   * @throws ToolInputRequiredError A tool waits for the user.
   */
  async handleToolCalls<TMessage = JsonObject>(
    reply: unknown,
    modifiers?: ToolModifiers,
    options?: RequestOptions,
  ): Promise<TMessage[]> {
    return (await this.#engine.handleToolCalls(reply, modifiers, options?.signal)) as TMessage[];
  }

  /**
   * Runs a tool as a model's call: custom tools within a `COMPOSIO_MULTI_EXECUTE_TOOL` run in this process.
   *
   * `handleToolCalls` does this for each call of a reply. Where it threw `ToolInputRequiredError`, this takes the
   * user's answers, with the error's `requestState`; the error's `details.results` has what the other calls ended with.
   */
  async executeToolCall(
    slug: string,
    args?: JsonObject,
    modifiers?: ToolModifiers,
    options?: ExecuteOptions,
    request?: RequestOptions,
  ): Promise<ToolCallResult> {
    const [result] = await this.#engine.callTools([{ ...options, slug, arguments: args }], modifiers, request?.signal);
    return result as ToolCallResult;
  }

  /** Runs the tool calls of a model at once; gives what each came to, in order. */
  async callTools(calls: CallRequest[], options?: RequestOptions): Promise<ToolCallResult[]> {
    return this.#engine.callTools(calls, undefined, options?.signal);
  }

  /**
   * What the client's provider does not take of the tools' schemas as they are, and what `tools()` makes of it.
   *
   * Providers refuse parts of JSON Schema, and some names; `tools()` writes such a tool so that it is taken. What a tool
   * is called with is checked against its own schema all the same.
   *
   * @throws UsageError The provider's format is not known here.
   */
  async schemaReport(options?: RequestOptions): Promise<ToolSchemaReport[]> {
    return this.#engine.schemaReport(options);
  }

  /** Finds tools by use case. */
  async search(query: SearchQuery, options?: RequestOptions): Promise<SessionSearchResponse> {
    const [useCase, model] = [text("query", query?.query), optionalText("model", query?.model)];
    const reply = await call((queue) => this.#native.search(queue, useCase, model), options);
    return narrow(camelize(reply) as SessionSearchResponse, query?.toolkits);
  }

  /** A page of the session's toolkits, and whether they are connected. */
  async toolkits(query: ToolkitsQuery = {}, options?: RequestOptions): Promise<ToolkitConnectionsDetails> {
    const { cursor, ...rest } = query;
    const wire = encode("toolkits", { ...(snakify(rest) as JsonObject), next_cursor: cursor });
    const page = camelize(await call((queue) => this.#native.toolkits(queue, wire), options)) as JsonObject;
    const { nextCursor, ...details } = page;
    return withoutNull({ ...details, cursor: nextCursor }) as ToolkitConnectionsDetails;
  }

  /** Starts connecting an account: send the user to `redirectUrl`, then `waitForConnection`. */
  async authorize(toolkit: string, options?: AuthorizeOptions, request?: RequestOptions): Promise<ConnectionRequest> {
    const { callbackUrl, alias, experimental } = options ?? {};
    const wire = encode("authorize", {
      toolkit,
      callback_url: callbackUrl,
      alias,
      experimental: snakify(experimental),
    });
    const reply = camelize(await call((queue) => this.#native.authorize(queue, wire), request));
    return new ConnectionRequest(reply as { id: string; status: string; redirectUrl: string | null }, this.#client);
  }

  /**
   * Makes sure that a toolkit can be used: where it needs an account and has none that is active, it starts connecting
   * one and waits for the user. `onRequest` is given the address for the user.
   *
   * @throws ConnectedAccountError The account ended as failed, expired, inactive or revoked.
   * @throws ComposioSDKTimeoutError The time is over.
   */
  async ensureConnected(
    toolkit: string,
    options: EnsureConnectedOptions = {},
    request?: RequestOptions,
  ): Promise<EnsuredConnection> {
    const { timeout, onRequest, ...authorize } = options;
    const { items } = await this.toolkits({ toolkits: [toolkit] }, request);
    const state = items.find(({ slug }) => slug.toLowerCase() === toolkit.toLowerCase());
    if (state?.isNoAuth) return { toolkit, wasConnected: true };
    if (state?.connection?.isActive) {
      const { connectedAccount } = state.connection;
      return { toolkit, wasConnected: true, ...(connectedAccount === undefined ? {} : { connectedAccount }) };
    }
    const asked = await this.authorize(toolkit, authorize, request);
    onRequest?.(asked);
    const { id, status } = await asked.waitForConnection(timeout, request);
    return { toolkit, wasConnected: false, connectedAccount: { id, status } };
  }

  /** The session's custom tools with their final slugs, or those of one toolkit. */
  customTools(filter?: { toolkit?: string | undefined }): RegisteredCustomTool[] {
    return this.#engine.customTools(optionalText("toolkit", filter?.toolkit));
  }

  /** The session's custom toolkits with their tools. */
  customToolkits(): RegisteredCustomToolkit[] {
    return camelize(decode(lifted(() => this.#native.customToolkits()))) as RegisteredCustomToolkit[];
  }

  /**
   * Changes the configuration and gives the new one. What is left out stays; null clears what was stored.
   *
   * @throws SessionConfigConflictError The stored version is another one than `expectedConfigVersion`.
   */
  async update(patch: SessionUpdate, options?: RequestOptions): Promise<JsonObject> {
    const wire = encode("update", snakify(patch));
    await call((queue) => this.#native.update(queue, wire), options);
    return this.config;
  }

  /** A page of earlier configurations, newest first; at most `limit` (1 to 100). */
  async listConfigHistory(query: PageQuery = {}, options?: RequestOptions): Promise<Page<SessionConfigVersion>> {
    const wire = encode("listConfigHistory", query);
    const reply = await call((queue) => this.#native.configHistory(queue, wire), options);
    return camelize(reply) as Page<SessionConfigVersion>;
  }

  /** Deletes the session. */
  async delete(options?: RequestOptions): Promise<SessionDeleteResponse> {
    return camelize(await call((queue) => this.#native.delete(queue), options)) as SessionDeleteResponse;
  }
}

/** The part of a search's reply that is about some toolkits; the API itself cannot be told which. */
function narrow(reply: SessionSearchResponse, toolkits: string[] | undefined): SessionSearchResponse {
  if (toolkits === undefined) return reply;
  const wanted = new Set(toolkits.map((slug) => slug.toLowerCase()));
  const schemas = Object.entries(reply.toolSchemas).filter(([, tool]) => wanted.has(tool.toolkit.toLowerCase()));
  const slugs = new Set(schemas.map(([slug]) => slug));
  const results = reply.results.map((result) => ({
    ...result,
    primaryToolSlugs: result.primaryToolSlugs.filter((slug) => slugs.has(slug)),
    relatedToolSlugs: result.relatedToolSlugs.filter((slug) => slugs.has(slug)),
    toolkits: result.toolkits.filter((slug) => wanted.has(slug.toLowerCase())),
  }));
  return { ...reply, results, toolSchemas: Object.fromEntries(schemas) };
}

/** Objects without the fields that are null; what this API leaves out is absent. */
function withoutNull(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNull);
  if (typeof value !== "object" || value === null) return value;
  const fields = Object.entries(value).filter(([, item]) => item !== null && item !== undefined);
  return Object.fromEntries(fields.map(([name, item]) => [name, withoutNull(item)]));
}
