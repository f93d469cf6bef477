/** The client. */

import { debuglog } from "node:util";

import { AuthConfigs, ConnectedAccounts } from "./accounts.js";
import { call, queue, type RequestOptions } from "./calls.js";
import { camelize, snakify } from "./case.js";
import {
  bundle,
  experimental_createTool,
  experimental_createToolkit,
  type CustomTool,
  type CustomToolkit,
} from "./custom-tools.js";
import { Engine } from "./engine.js";
import { encode, optionalText, text } from "./json.js";
import { lifted } from "./lift.js";
import type { JsonObject, SessionDeleteResponse } from "./models.js";
import { native, type NativeClient, type NativeSession, type NativeToolSet } from "./native.js";
import { OpenAIProvider, type OpenAITool } from "./openai.js";
import type { Provider } from "./provider.js";
import { Toolkits, Tools } from "./resources.js";
import { Session } from "./session.js";
import type { SessionConfig, UseOptions } from "./types.js";

/** How to reach the backend, and how tools are wrapped. */
export interface ComposioOptions<TCollection = OpenAITool[]> {
  /** By default `COMPOSIO_API_KEY`. */
  apiKey?: string | undefined;
  /** By default `COMPOSIO_BASE_URL`, else the hosted service. */
  baseURL?: string | undefined;
  /** How tools are wrapped for the model; by default for OpenAI chat completions. */
  provider?: Provider<TCollection> | undefined;
  /** Accepted for compatibility: there is no telemetry. */
  allowTracking?: boolean | undefined;
  /** Headers that every call sends. */
  defaultHeaders?: Record<string, string> | undefined;
  /** Milliseconds that one attempt may take, by default 60,000. */
  timeout?: number | undefined;
  /** How often a call that changes nothing is tried again, by default 2. */
  maxRetries?: number | undefined;
  /** Forces a backend; by default a key or base URL means `http`, neither means `embedded`. */
  backend?: "embedded" | "http" | undefined;
  /** The embedded router's: the path of a `composio.toml`, or the same as an object. */
  config?: string | JsonObject | undefined;
  /** Whether files that commonly hold credentials are refused, by default true. */
  sensitiveFileUploadProtection?: boolean | undefined;
  /** Further names of files and folders that are not uploaded. */
  fileUploadPathDenySegments?: string[] | undefined;
  /**
   * Only files below these folders are uploaded; false for none. By default any, but `~/.composio/temp` alone for uploads
   * that a tool's arguments lead to.
   */
  fileUploadDirs?: string[] | false | undefined;
  /** Where files that tools return are saved, by default `files` in `COMPOSIO_CACHE_DIR`, else in `~/.composio`. */
  fileDownloadDir?: string | undefined;
  /**
   * Whether tools' files go to and fro by themselves. The model then gives a path or URL where a tool takes a file, and
   * gets the path of each file that a tool returns. A model that was led astray can so send away any file that
   * `fileUploadDirs` and `sensitiveFileUploadProtection` allow.
   */
  dangerouslyAllowAutoUploadDownloadFiles?: boolean | undefined;
}

function connect(options: ComposioOptions<unknown>): NativeClient {
  const {
    apiKey,
    provider: _provider,
    allowTracking: _allowTracking,
    defaultHeaders,
    config,
    sensitiveFileUploadProtection,
    fileUploadPathDenySegments,
    fileUploadDirs,
    fileDownloadDir,
    dangerouslyAllowAutoUploadDownloadFiles,
    ...chosen
  } = options;
  const uploads = {
    sensitiveFileUploadProtection,
    fileUploadPathDenySegments,
    fileUploadDirs,
    fileDownloadDir,
    dangerouslyAllowAutoUploadDownloadFiles,
  };
  const wire = encode("options", {
    ...chosen,
    defaultHeaders: Object.entries(defaultHeaders ?? {}).filter(([, value]) => value !== undefined),
    config: snakify(config),
    uploads: Object.values(uploads).every((value) => value === undefined) ? undefined : snakify(uploads),
  });
  const key = optionalText("apiKey", apiKey);
  const client = lifted(() => new (native().Client)(queue(), wire, key));
  if (client.dataDir !== null) {
    debuglog("composio")("the embedded router answers; its data lies in %s", client.dataDir);
  }
  return client;
}

/** Creates, takes up and deletes sessions; `composio.sessions`. */
export class Sessions<TCollection> {
  readonly #client: NativeClient;
  readonly #provider: Provider<TCollection>;

  /** @internal */
  constructor(client: NativeClient, provider: Provider<TCollection>) {
    this.#client = client;
    this.#provider = provider;
  }

  /**
   * Creates a session for a user.
   *
   * @throws ValidationError An option is malformed; nothing was sent.
   * @throws MCPDestinationError With `mcp: true`, where the MCP server is not the backend's own.
   */
  async create(userId: string, config: SessionConfig = {}, options?: RequestOptions): Promise<Session<TCollection>> {
    const { experimental, ...rest } = config;
    const { customTools, customToolkits, ...further } = experimental ?? {};
    const wire = encode("create", {
      user_id: userId,
      ...(snakify(rest) as JsonObject),
      experimental: Object.keys(further).length === 0 ? undefined : snakify(further),
    });
    const { set, ordered } = toolSet(customTools, customToolkits);
    return this.#bind(await call(() => this.#client.create(wire, set), options), ordered);
  }

  /**
   * Takes up a session that exists, with these custom tools.
   *
   * @throws NotFoundError There is no such session.
   */
  async use(sessionId: string, config: UseOptions = {}, options?: RequestOptions): Promise<Session<TCollection>> {
    const id = text("sessionId", sessionId);
    const { set, ordered } = toolSet(config.customTools, config.customToolkits);
    return this.#bind(await call(() => this.#client.use(id, set, config.mcp ?? false), options), ordered);
  }

  /** Deletes a session. */
  async delete(sessionId: string, options?: RequestOptions): Promise<SessionDeleteResponse> {
    const id = text("sessionId", sessionId);
    return camelize(await call(() => this.#client.delete(id), options)) as SessionDeleteResponse;
  }

  #bind(session: NativeSession, tools: CustomTool[]): Session<TCollection> {
    return new Session(new Engine(session, this.#provider, tools), this.#client);
  }
}

function toolSet(
  tools: CustomTool[] | undefined,
  toolkits: CustomToolkit[] | undefined,
): { set: NativeToolSet; ordered: CustomTool[] } {
  const { definitions, toolkitDefinitions, ordered } = bundle(tools, toolkits);
  return { set: lifted(() => new (native().ToolSet)(definitions, toolkitDefinitions)), ordered };
}

/**
 * A client. With a key or base URL it speaks to a hosted backend; with neither the embedded router answers in this
 * process. Nothing is opened or sent before the first call.
 *
 * @throws ApiKeyNotProvidedError HTTP is asked for without a key.
 * @throws ValidationError An option is malformed.
 *
 * @example
 * const composio = new Composio();
 * const session = await composio.create("user_123");
 * const tools = await session.tools();
 */
export class Composio<TCollection = OpenAITool[]> {
  readonly #client: NativeClient;
  /** How tools are wrapped. */
  readonly provider: Provider<TCollection>;
  /** Creates, takes up and deletes sessions. */
  readonly sessions: Sessions<TCollection>;
  /** The project's connected accounts. */
  readonly connectedAccounts: ConnectedAccounts;
  /** How the accounts of toolkits are made. */
  readonly authConfigs: AuthConfigs;
  /** The catalogue of toolkits. */
  readonly toolkits: Toolkits;
  /** The catalogue of tools. */
  readonly tools: Tools;
  /** What is still experimental: custom tools and toolkits. */
  readonly experimental = {
    /** {@link experimental_createTool}. */
    createTool: experimental_createTool,
    /** {@link experimental_createToolkit}. */
    createToolkit: experimental_createToolkit,
  } as const;

  constructor(options: ComposioOptions<TCollection> = {}) {
    this.#client = connect(options);
    this.provider = options.provider ?? (new OpenAIProvider() as unknown as Provider<TCollection>);
    this.sessions = new Sessions(this.#client, this.provider);
    this.connectedAccounts = new ConnectedAccounts(this.#client);
    this.authConfigs = new AuthConfigs(this.#client);
    this.toolkits = new Toolkits(this.#client);
    this.tools = new Tools(this.#client);
  }

  /** Creates a session; see {@link Sessions.create}. */
  async create(userId: string, config?: SessionConfig, options?: RequestOptions): Promise<Session<TCollection>> {
    return this.sessions.create(userId, config, options);
  }

  /** Takes up a session that exists; see {@link Sessions.use}. */
  async use(sessionId: string, config?: UseOptions, options?: RequestOptions): Promise<Session<TCollection>> {
    return this.sessions.use(sessionId, config, options);
  }

  /** Closes connections, files and child processes; further calls fail. `await using` does the same. */
  async close(options?: RequestOptions): Promise<void> {
    await call<null>(() => this.#client.close(), options);
  }

  /** Closes the client at the end of an `await using` block. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
