/** What a session does with tools. */

import { cancelled, unlessAborted } from "./abort.js";
import { begin, call, traced, type RequestOptions } from "./calls.js";
import { camelize } from "./case.js";
import type { CustomTool, SessionContext } from "./custom-tools.js";
import { SDKError, ToolInputRequiredError } from "./errors.js";
import { decode, encode, optionalText, text } from "./json.js";
import { lifted } from "./lift.js";
import type {
  JsonObject,
  RegisteredCustomTool,
  SessionExecuteResponse,
  SessionProxyExecuteResponse,
  Tool,
  ToolCallResult,
  ToolSchemaReport,
} from "./models.js";
import { judgeUpload, select, usable, type ToolExecuteParams, type ToolModifiers } from "./modifiers.js";
import type { NativeLocalCall, NativeLocalResult, NativeRun, NativeSession, NativeToolCall } from "./native.js";
import { isFormat, requireFormat, type Provider } from "./provider.js";
import type { ExecuteOptions, ProxyExecuteParams } from "./types.js";

/** A tool to run. */
export interface CallRequest extends ExecuteOptions {
  slug: string;
  arguments?: JsonObject | undefined;
  problem?: string | null | undefined;
}

/** A custom tool that has run; `thrown` is set where it failed. */
interface Finished {
  result: NativeLocalResult;
  thrown?: unknown;
}

/** A file that is going to be uploaded by itself. */
interface PendingUpload {
  id: number;
  path: string;
  tool: string;
  toolkit: string;
}

/** A native session and the custom tools behind its final slugs. */
export class Engine {
  readonly native: NativeSession;
  readonly provider: Provider;
  readonly #functions = new Map<string, CustomTool>();
  readonly #toolkits = new Map<string, string>();

  /** `tools` are those of the set that the native session was made with, in its order. */
  constructor(native: NativeSession, provider: Provider, tools: readonly CustomTool[]) {
    this.native = native;
    this.provider = provider;
    for (const [index, registered] of this.customTools(undefined).entries()) {
      const tool = tools[index];
      if (tool !== undefined) this.#functions.set(registered.slug, tool);
      this.#toolkits.set(registered.slug, registered.toolkit ?? "custom");
    }
  }

  customTools(toolkit: string | undefined): RegisteredCustomTool[] {
    return camelize(decode(lifted(() => this.native.customTools(toolkit)))) as RegisteredCustomTool[];
  }

  /** Runs one tool by name. */
  async execute(request: CallRequest, signal: AbortSignal | undefined): Promise<SessionExecuteResponse> {
    const lowered = lower(request);
    const remote = begin<JsonObject>((queue) => this.native.execute(queue, lowered), signal);
    const reply = remote === null ? (await this.#run([lowered], false, signal))[0] : await traced(remote);
    return executed(reply);
  }

  async proxyExecute(
    params: ProxyExecuteParams,
    options: RequestOptions | undefined,
  ): Promise<SessionProxyExecuteResponse> {
    const wire = encode("proxyExecute", params);
    return camelize(
      await call((queue) => this.native.proxyExecute(queue, wire), options),
    ) as SessionProxyExecuteResponse;
  }

  async #run(
    calls: NativeToolCall[],
    toolCall: boolean,
    signal: AbortSignal | undefined,
    modifiers?: ToolModifiers,
  ): Promise<unknown[]> {
    if (signal?.aborted) throw cancelled(signal);
    const run = lifted(() => this.native.run(calls, toolCall));
    if (modifiers?.beforeFileUpload !== undefined) await this.#judgeUploads(run, modifiers, signal);
    // The backend's part is under way before the first custom tool runs.
    const remote = begin<null>((queue) => run.remote(queue), signal) ?? Promise.resolve(null);
    const jobs = run.localCalls.map((local) => this.#runLocal(local, signal));
    const [finished] = await unlessAborted(signal, Promise.all([Promise.all(jobs), remote]));
    for (const { thrown } of finished) {
      // The caller can answer; a model cannot.
      if (thrown instanceof ToolInputRequiredError) throw thrown;
    }
    return lifted(() => run.finish(finished.map(({ result }) => result))).map(decode);
  }

  async #judgeUploads(run: NativeRun, modifiers: ToolModifiers, signal: AbortSignal | undefined): Promise<void> {
    const pending = begin<PendingUpload[]>((queue) => run.uploads(queue), signal);
    if (pending === null) return;
    const answers: { id: number; path: string | null }[] = [];
    for (const { id, path, tool, toolkit } of await traced(pending)) {
      const hooks = select(modifiers.beforeFileUpload, "beforeFileUpload", tool, toolkit);
      const approved = await unlessAborted(signal, judgeUpload(path, hooks, { toolSlug: tool, toolkitSlug: toolkit }));
      answers.push({ id, path: approved === false ? null : approved });
    }
    const wire = encode("uploads", answers);
    lifted(() => {
      run.answerUploads(wire);
    });
  }

  /** Runs a custom tool; whatever it throws is its failure. */
  async #runLocal({ id, slug, arguments: args }: NativeLocalCall, signal: AbortSignal | undefined): Promise<Finished> {
    try {
      const tool = this.#functions.get(slug);
      if (tool === undefined) throw new SDKError(`there is no function for ${slug}`, { kind: "internal" });
      const value = await tool.invoke(decode(args) as JsonObject, this.#context(signal));
      return { result: { id, data: encode("the tool's result", value ?? null) } };
    } catch (thrown) {
      return { result: { id, error: reason(thrown) }, thrown };
    }
  }

  #context(signal: AbortSignal | undefined): SessionContext {
    return {
      userId: this.native.userId,
      signal,
      execute: (slug, args, options) => this.execute({ slug, arguments: args }, options?.signal ?? signal),
      proxyExecute: (params, options) => this.proxyExecute(params, { signal: options?.signal ?? signal }),
    };
  }

  /** Runs the tool calls of a model at once, each between its modifiers. */
  async callTools(
    calls: readonly CallRequest[],
    modifiers: ToolModifiers | undefined,
    signal: AbortSignal | undefined,
  ): Promise<ToolCallResult[]> {
    const prepared: NativeToolCall[] = [];
    for (const request of calls) {
      const params = await this.#before(modifiers, request);
      prepared.push(lower({ ...request, ...params }));
    }
    const results = (await this.#run(prepared, true, signal, modifiers)) as ToolCallResult[];
    for (const [index, { slug }] of calls.entries()) {
      let result = results[index] as ToolCallResult;
      for (const modifier of select(modifiers?.afterExecute, "afterExecute", slug, this.#toolkit(slug))) {
        const context = { toolSlug: slug, toolkitSlug: this.#toolkit(slug), result };
        result = usable("afterExecute", slug, await modifier(context));
      }
      results[index] = result;
    }
    return results;
  }

  async #before(modifiers: ToolModifiers | undefined, request: CallRequest): Promise<ToolExecuteParams> {
    const { slug, account } = request;
    let params: ToolExecuteParams = {
      arguments: request.arguments ?? {},
      ...(account === undefined ? {} : { account }),
    };
    for (const modifier of select(modifiers?.beforeExecute, "beforeExecute", slug, this.#toolkit(slug))) {
      const context = { toolSlug: slug, toolkitSlug: this.#toolkit(slug), params };
      params = usable("beforeExecute", slug, await modifier(context));
    }
    return params;
  }

  #toolkit(slug: string): string {
    // A slug starts with its toolkit's; the list of tools says exactly, where it has been read.
    return this.#toolkits.get(slug) ?? (slug.split("_", 1)[0] ?? "").toLowerCase();
  }

  /** What the provider does not take of the tools' schemas as they are. */
  async schemaReport(options: RequestOptions | undefined): Promise<ToolSchemaReport[]> {
    const { format } = requireFormat(this.provider);
    return camelize(await call((queue) => this.native.schemaReport(queue, format), options)) as ToolSchemaReport[];
  }

  /** The session's tools, as the provider wraps them. */
  async tools(modifiers: ToolModifiers | undefined, options: RequestOptions | undefined): Promise<unknown> {
    const { provider } = this;
    if (modifiers === undefined && isFormat(provider) && provider.isPlain) {
      return call((queue) => this.native.wrappedTools(queue, provider.format), options);
    }
    const listed = camelize(await call((queue) => this.native.tools(queue), options)) as Tool[];
    const tools: Tool[] = [];
    for (const tool of listed) {
      const { slug } = tool;
      if (tool.toolkit !== undefined) this.#toolkits.set(slug, tool.toolkit.slug);
      let schema = tool;
      for (const modifier of select(modifiers?.modifySchema, "modifySchema", slug, this.#toolkit(slug))) {
        const context = { toolSlug: slug, toolkitSlug: this.#toolkit(slug), schema };
        schema = usable("modifySchema", slug, await modifier(context));
      }
      tools.push(schema);
    }
    return provider.wrapTools(tools, async (slug, input) => {
      const [result] = await this.callTools([{ slug, arguments: input }], modifiers, undefined);
      return result as ToolCallResult;
    });
  }

  /** Runs the tool calls of a model's reply; gives the messages for the model. */
  async handleToolCalls(
    reply: unknown,
    modifiers: ToolModifiers | undefined,
    signal: AbortSignal | undefined,
  ): Promise<unknown[]> {
    const provider = requireFormat(this.provider);
    const calls = provider.toolCalls(reply);
    return provider.formatResults(calls, await this.callTools(calls, modifiers, signal));
  }
}

/** What a tool answered, with what the backend left out. */
export function executed(reply: unknown): SessionExecuteResponse {
  return { data: {}, error: null, logId: "", ...(camelize(reply) as Partial<SessionExecuteResponse>) };
}

/** A call as the native module takes it. */
export function lower(request: CallRequest): NativeToolCall {
  const { slug, account, inputResponses, requestState, problem } = request;
  const args = request.arguments;
  return {
    slug: text("toolSlug", slug),
    arguments: args === undefined || args === null ? undefined : encode("arguments", args),
    account: optionalText("account", account),
    inputResponses:
      inputResponses === undefined || inputResponses === null ? undefined : encode("inputResponses", inputResponses),
    requestState: optionalText("requestState", requestState),
    problem: problem ?? undefined,
  };
}

/** Why a tool failed, from whatever it threw. */
function reason(thrown: unknown): string {
  try {
    const message: unknown =
      typeof thrown === "object" && thrown !== null && "message" in thrown ? thrown.message : undefined;
    if (typeof message === "string" && message !== "") return wellFormed(message);
    if (thrown instanceof Error) return wellFormed(thrown.name);
    return thrown === undefined ? "the tool threw undefined" : wellFormed(String(thrown));
  } catch {
    return "the tool threw something that has no text";
  }
}

function wellFormed(message: string): string {
  return (message as string & { toWellFormed(): string }).toWellFormed();
}
