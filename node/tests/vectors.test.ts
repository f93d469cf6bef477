// The conformance vectors; see tests/vectors/README.md.

import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { inspect } from "node:util";

import { AnthropicProvider } from "@composio/anthropic";
import {
  Composio,
  ComposioError,
  errorClasses,
  errorKinds,
  experimental_createTool,
  experimental_createToolkit,
  OpenAIProvider,
  type ConnectionRequest,
  type CustomTool,
  type JsonObject,
  type Provider,
  type RemoteFile,
  type Session,
  type SessionContext,
  type Tool,
  type ToolModifiers,
} from "@composio/core";
import { GoogleProvider } from "@composio/google";
import { OpenAIResponsesProvider } from "@composio/openai";

import { camel, inFolder, Mock, ROOT, snake, type Fields } from "./support.js";

const VECTORS = path.join(ROOT, "tests/vectors");
const read = (file: string) => JSON.parse(readFileSync(path.join(VECTORS, file), "utf8")) as Fields;
const GAPS = (read("shared/gaps.json")["node"] ?? {}) as Record<string, string>;
const NAMES = readdirSync(VECTORS)
  .filter((file) => file.endsWith(".json") && !file.endsWith(".schema.json"))
  .sort()
  .flatMap((file) =>
    (read(file)["vectors"] as Fields[]).map(({ name }) => `${path.basename(file, ".json")}/${String(name)}`),
  );

const PROVIDERS: Record<string, () => Provider> = {
  openai: () => new OpenAIProvider(),
  openai_responses: () => new OpenAIResponsesProvider(),
  anthropic: () => new AnthropicProvider(),
  google: () => new GoogleProvider(),
};

interface Definition {
  slug: string;
  name?: string;
  description: string;
  input_schema: JsonObject;
  output_schema?: JsonObject;
  extends_toolkit?: string;
  preload?: boolean;
  behaviour: string | Fields;
}

function customTool(given: Definition): CustomTool {
  return experimental_createTool(given.slug, {
    name: given.name,
    description: given.description,
    inputParams: given.input_schema,
    outputParams: given.output_schema,
    extendsToolkit: given.extends_toolkit,
    preload: given.preload,
    execute: (input, context) => behave(given.behaviour, input, context),
  });
}

function behave(behaviour: string | Fields, input: JsonObject, context: SessionContext): unknown {
  if (behaviour === "echo") return input;
  if (behaviour === "nothing") return undefined;
  if (behaviour === "context_user") return { user_id: context.userId };
  if (typeof behaviour === "object") {
    if ("fail" in behaviour) throw new Error(behaviour["fail"] as string);
    if ("return" in behaviour) return Promise.resolve(behaviour["return"]);
    if ("call" in behaviour) {
      const { slug, arguments: args } = behaviour["call"] as { slug: string; arguments?: JsonObject };
      return context.execute(slug, args).then(({ data, error }) => ({ data, error }));
    }
    if ("proxy_execute" in behaviour) {
      const call = context.proxyExecute(camel(behaviour["proxy_execute"]));
      return call.then(({ status, data }) => ({ status, data }));
    }
  }
  throw new Error(`unknown behaviour ${inspect(behaviour)}`);
}

function modifiers(given: Fields[]): ToolModifiers {
  const filtered = (type: string, apply: (what: string, value: JsonObject) => unknown) =>
    given
      .filter((modifier) => modifier["type"] === type)
      .map(({ tools, toolkits, behaviour }) => {
        const [what, value] = Object.entries(behaviour as Fields)[0] as [string, JsonObject];
        return { tools, toolkits, modifier: apply(what, value) };
      });
  return {
    modifySchema: filtered("schema", (_what, value) => ({ schema }: { schema: Tool }) => ({
      ...schema,
      description: value,
    })),
    beforeExecute: filtered(
      "before_execute",
      (_what, value) =>
        ({ params }: { params: { arguments: JsonObject } }) => ({
          ...params,
          arguments: { ...params.arguments, ...value },
        }),
    ),
    afterExecute: filtered("after_execute", (_what, value) => ({ result }: { result: { data: JsonObject } }) => ({
      ...result,
      data: { ...result.data, ...value },
    })),
    ...(given.some(({ type }) => type === "before_file_upload") && {
      beforeFileUpload: filtered("before_file_upload", (_what, value) => () => value ?? false),
    }),
  } as unknown as ToolModifiers;
}

interface Vector {
  run: string;
  client: Fields;
  env?: Record<string, string>;
  custom_tools?: Definition[];
  custom_toolkits?: (Fields & { tools: Definition[] })[];
  modifiers?: Fields[];
  steps: { call: string; with?: Fields }[];
}

/** What is in a provider's own format, or a caller's, and so keeps its names. */
const VERBATIM = new Set(["session.tools", "session.handle_tool_calls"]);

/** Carries out the steps of one vector. */
class Player {
  client: Composio<unknown> | undefined;
  #session: Session | undefined;
  #connection: ConnectionRequest | undefined;
  #file: RemoteFile | undefined;

  constructor(
    readonly vector: Vector,
    readonly folder: string,
  ) {}

  get session(): Session {
    assert(this.#session);
    return this.#session;
  }

  get file(): RemoteFile {
    assert(this.#file);
    return this.#file;
  }

  async step(call: string, options: Fields): Promise<unknown> {
    this.client ??= this.#connect();
    const { client } = this;
    const given = camel<Record<string, never>>(options);
    const { arguments: args, slug, modifiers: modified, ...rest } = given;
    const chosen = modified === undefined ? undefined : modifiers(this.vector.modifiers ?? []);
    switch (call) {
      case "client":
        return null;
      case "create": {
        const { userId, experimental, ...config } = given as Fields;
        const all = { ...(experimental as Fields | undefined), ...this.#custom() };
        const settings = Object.keys(all).length === 0 ? config : { ...config, experimental: all };
        this.#session = await client.create(userId as string, settings);
        return this.#state();
      }
      case "use":
        this.#session = await client.use(given["sessionId"] ?? "", {
          ...rest,
          sessionId: undefined,
          ...this.#custom(),
        } as never);
        return this.#state();
      case "session.state":
        return this.#state();
      case "delete":
        return client.sessions.delete(given["sessionId"] ?? "");
      case "session.delete":
        return this.session.delete();
      case "session.tools":
        return this.session.tools(chosen);
      case "session.schema_report":
        return this.session.schemaReport();
      case "session.execute_tool_call":
        // Modifiers go with the wrapped tools, and those are there once they have been listed.
        if (chosen !== undefined) await this.session.tools(chosen);
        return this.session.executeToolCall(slug as never, args, chosen);
      case "session.handle_tool_calls":
        return this.session.handleToolCalls(given["reply"]);
      case "session.execute": {
        const { toolSlug, ...others } = rest as Fields;
        return this.session.execute(toolSlug as string, args, others);
      }
      case "session.execute_meta":
        return this.session.executeMeta(slug as never, args, rest);
      case "session.proxy_execute":
        return this.session.proxyExecute(given as never);
      case "session.search":
        return this.session.search(given as never);
      case "session.toolkits": {
        const { nextCursor, ...query } = rest as Fields;
        const { cursor, ...page } = await this.session.toolkits({ ...query, cursor: nextCursor as string | undefined });
        return { ...page, nextCursor: cursor };
      }
      case "session.authorize": {
        const { toolkit, ...others } = given as Fields;
        this.#connection = await this.session.authorize(toolkit as string, others);
        const { id, status, redirectUrl } = this.#connection;
        return { id, status, redirectUrl };
      }
      case "connection.wait": {
        const { timeout } = given as { timeout?: number };
        return this.#connection?.waitForConnection(timeout === undefined ? undefined : timeout * 1000);
      }
      case "session.update":
        return this.session.update(given);
      case "session.list_config_history":
        return this.session.listConfigHistory(given);
      case "session.custom_tools":
        return this.session.customTools(given);
      case "session.custom_toolkits":
        return this.session.customToolkits();
      case "connected_accounts.link":
      case "connected_accounts.initiate": {
        const { userId, authConfigId, ...others } = given as Fields;
        const name = call === "connected_accounts.link" ? "link" : "initiate";
        this.#connection = await client.connectedAccounts[name](userId as string, authConfigId as string, others);
        const { id, status, redirectUrl } = this.#connection;
        return { id, status, redirectUrl };
      }
      case "connected_accounts.list":
        return client.connectedAccounts.list(given);
      case "connected_accounts.complete_auth":
        return client.connectedAccounts.completeAuth(given as never);
      case "connected_accounts.get":
      case "connected_accounts.update":
      case "connected_accounts.enable":
      case "connected_accounts.disable":
      case "connected_accounts.delete":
      case "connected_accounts.refresh":
      case "connected_accounts.revoke": {
        const { id, ...others } = given as Fields;
        const name = call.slice("connected_accounts.".length) as "update" | "delete" | "refresh";
        return client.connectedAccounts[name](id as string, others);
      }
      case "auth_configs.list":
        return client.authConfigs.list(given);
      case "auth_configs.create":
        return client.authConfigs.create(given["toolkit"] ?? "", options["options"] as Fields);
      case "auth_configs.update":
        return client.authConfigs.update(given["id"] ?? "", options["options"] as Fields);
      case "auth_configs.get":
      case "auth_configs.enable":
      case "auth_configs.disable":
      case "auth_configs.delete":
        return client.authConfigs[call.slice("auth_configs.".length) as "get"](given["id"] ?? "");
      case "toolkits.get":
        return client.toolkits.get((slug ?? "") as string);
      case "toolkits.list":
        return client.toolkits.list(given);
      case "tools.get":
        return client.tools.getRawComposioToolBySlug(slug ?? "");
      case "tools.list": {
        const { toolkit, ...query } = given as Fields;
        const toolkits = toolkit === undefined ? undefined : [toolkit as string];
        return { items: await client.tools.getRawComposioTools({ ...query, toolkits }) };
      }
      default:
        return this.#fileStep(call, given);
    }
  }

  async #fileStep(call: string, given: Fields): Promise<unknown> {
    const { files } = this.session.experimental;
    const { input, filePath, remotePath, ...options } = given as Record<string, string>;
    switch (call) {
      case "files.list":
        return files.list(given);
      case "files.upload":
        this.#file = await files.upload(this.#source(input as unknown as Fields), { remotePath, ...options });
        return located(this.#file);
      case "files.download":
        this.#file = await files.download(filePath ?? "", options);
        return located(this.#file);
      case "files.delete":
        return files.delete(remotePath ?? "", options);
      case "file.text":
        return { text: await this.file.text() };
      case "file.buffer":
        return { base64: Buffer.from(await this.file.buffer()).toString("base64") };
      case "file.save":
        return this.#save();
      default:
        throw new Error(`unknown call ${call}`);
    }
  }

  async #save(): Promise<unknown> {
    const target = path.join(this.folder, "in");
    mkdirSync(target);
    const saved = await this.file.save(target);
    const files = readdirSync(this.folder, { recursive: true, encoding: "utf8" });
    return {
      files: files.filter((name) => statSync(path.join(this.folder, name)).isFile()),
      text: readFileSync(saved, "utf8"),
    };
  }

  #source(given: Fields): string | Uint8Array {
    if ("text" in given) return Buffer.from(given["text"] as string);
    if ("base64" in given) return Buffer.from(given["base64"] as string, "base64");
    if ("url" in given) return given["url"] as string;
    if ("missingFile" in given) return path.join(this.folder, given["missingFile"] as string);
    const { name, text } = given["file"] as { name: string; text: string };
    writeFileSync(path.join(this.folder, name), text);
    return path.join(this.folder, name);
  }

  #connect(): Composio<unknown> {
    const { provider, timeout, ...options } = this.vector.client;
    const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== null));
    const { baseUrl, ...rest } = camel<Fields>(given);
    return new Composio<unknown>({
      ...rest,
      ...(baseUrl === undefined ? {} : { baseURL: baseUrl as string }),
      ...(timeout === undefined ? {} : { timeout: (timeout as number) * 1000 }),
      provider: PROVIDERS[(provider as string | undefined) ?? "openai"]?.(),
    });
  }

  #custom(): Fields {
    const { custom_tools: tools, custom_toolkits: toolkits } = this.vector;
    return {
      ...(tools === undefined ? {} : { customTools: tools.map(customTool) }),
      ...(toolkits === undefined
        ? {}
        : {
            customToolkits: toolkits.map(({ slug, name, description, preload, tools }) =>
              experimental_createToolkit(slug as string, {
                name: name as string,
                description: description as string,
                preload: preload as boolean | undefined,
                tools: tools.map(customTool),
              }),
            ),
          }),
    };
  }

  #state(): unknown {
    const { sessionId, config, configVersion, preload, mcp, experimental } = this.session;
    const { type, url, headers } = mcp;
    return {
      sessionId,
      config,
      configVersion,
      preload,
      mcp: { type, url, headers },
      assistivePrompt: experimental.assistivePrompt,
    };
  }
}

function located(file: RemoteFile): unknown {
  const { expiresAt, mountRelativePath, sandboxMountPrefix, downloadUrl, filename } = file;
  return { expiresAt, mountRelativePath, sandboxMountPrefix, downloadUrl, filename };
}

/** An error as the mock judges it; its kind is told by its class. */
function described(error: ComposioError): Fields {
  const kinds = Object.entries(errorClasses).filter(([, Class]) => error.constructor === Class);
  const kind = kinds.some(([name]) => name === error.kind) ? error.kind : kinds[0]?.[0];
  const { message, status, code, slug, suggestedFix, requestId, retryable, details } = error;
  return {
    ...{ kind, message, status, code, slug, suggested_fix: suggestedFix, request_id: requestId, retryable },
    details: snake(details),
    shown: [String(error), inspect(error), JSON.stringify(error), error.stack],
  };
}

async function play(player: Player, mock: Mock): Promise<void> {
  for (const [index, { call, with: options }] of player.vector.steps.entries()) {
    let outcome: Fields;
    try {
      const result = await player.step(call, options ?? {});
      outcome = { result: (VERBATIM.has(call) ? result : snake(result)) ?? null };
    } catch (error) {
      if (!(error instanceof ComposioError)) throw error;
      outcome = { error: described(error) };
    }
    await mock.control(`runs/${player.vector.run}/steps/${index}`, outcome);
  }
  await player.client?.close();
}

let mock: Mock;
before(async () => {
  mock = await Mock.start();
  delete process.env["COMPOSIO_API_KEY"];
  delete process.env["COMPOSIO_BASE_URL"];
});
after(() => {
  mock.stop();
});

for (const name of NAMES) {
  test(name, () =>
    inFolder(async (folder) => {
      const vector = (await mock.control("runs", { vector: name })) as unknown as Vector;
      const env = { HOME: path.join(folder, "home"), ...vector.env };
      const saved = Object.fromEntries(Object.keys(env).map((key) => [key, process.env[key]]));
      mkdirSync(env.HOME);
      Object.assign(process.env, env);
      const work = path.join(folder, "work");
      mkdirSync(work);
      try {
        await play(new Player(vector, work), mock);
      } finally {
        for (const [key, value] of Object.entries(saved)) {
          if (value === undefined) Reflect.deleteProperty(process.env, key);
          else process.env[key] = value;
        }
      }
      const { problems } = (await mock.control(`runs/${vector.run}`)) as { problems: string[] };
      const gap = GAPS[name];
      if (gap === undefined) assert.deepEqual(problems, []);
      else assert.notDeepEqual(problems, [], `the gap is closed, remove it from gaps.json: ${gap}`);
    }),
  );
}

test("the gaps are vectors", () => {
  assert.deepEqual(
    Object.keys(GAPS).filter((name) => !NAMES.includes(name)),
    [],
  );
});

test("every kind of error has a class", () => {
  assert.deepEqual(Object.keys(errorClasses).sort(), errorKinds().sort());
  assert(existsSync(VECTORS));
});
