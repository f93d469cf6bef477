/** AI providers: how tools are handed to a model and its tool calls are read. */

import type { RequestOptions } from "./calls.js";
import { snakify } from "./case.js";
import { UsageError } from "./errors.js";
import { decode, encode } from "./json.js";
import { lifted } from "./lift.js";
import type { JsonObject, Tool, ToolCallResult } from "./models.js";
import { native, type NativeProvider } from "./native.js";

/** Runs a session's tool for an agent framework. A failed tool is a result, not a rejection. */
export type ExecuteToolFn = (slug: string, input: JsonObject) => Promise<ToolCallResult>;

/** One tool call of a model's reply. */
export interface ToolCall {
  /** The provider's id of the call; empty where it has none. */
  id: string;
  slug: string;
  arguments: JsonObject;
  /** Why the arguments could not be read. The model is told, and the tool does not run. */
  problem: string | null;
}

/** What every provider has. `TCollection` is what `session.tools()` gives. */
export interface Provider<TCollection = unknown> {
  readonly name: string;
  /** Tools as the provider's API or framework takes them; `executeTool` runs one. */
  wrapTools(tools: Tool[], executeTool: ExecuteToolFn): TCollection;
}

/** A provider whose tool calls the caller runs, each with `session.executeToolCall`. */
export abstract class BaseNonAgenticProvider<TCollection = unknown, TTool = unknown> implements Provider<TCollection> {
  abstract readonly name: string;

  /** A tool as the provider's API takes it. */
  abstract wrapTool(tool: Tool): TTool;

  /** Tools as the provider's API takes them. */
  abstract wrapTools(tools: Tool[]): TCollection;
}

/** A provider whose framework runs the tools, by `executeTool(slug, input)`. */
export abstract class BaseAgenticProvider<TCollection = unknown, TTool = unknown> implements Provider<TCollection> {
  abstract readonly name: string;

  /** A tool as the framework takes it. */
  abstract wrapTool(tool: Tool, executeTool: ExecuteToolFn): TTool;

  /** Tools as the framework takes them. */
  abstract wrapTools(tools: Tool[], executeTool: ExecuteToolFn): TCollection;
}

/** What a provider needs of a session to answer a reply. */
export interface CallsTools {
  /** Runs the tool calls of a model at once. */
  callTools(calls: ToolCall[], options?: RequestOptions): Promise<ToolCallResult[]>;
}

/** A provider whose formats the core knows. Replies may be the SDK's own objects or plain ones. */
export abstract class FormatProvider<TTool = unknown, TMessage = unknown> extends BaseNonAgenticProvider<
  TTool[],
  TTool
> {
  abstract override readonly name: string;
  #format: NativeProvider | undefined;

  /** @internal */
  get format(): NativeProvider {
    return (this.#format ??= lifted(() => new (native().Provider)(this.name)));
  }

  /** A tool as the provider's API takes it. */
  override wrapTool(tool: Tool): TTool {
    return this.formatTools([tool])[0] as TTool;
  }

  /** Tools as the provider's API takes them. */
  override wrapTools(tools: Tool[]): TTool[] {
    return this.formatTools(tools);
  }

  private formatTools(tools: Tool[]): TTool[] {
    const wire = encode("tools", snakify(tools));
    return decode(lifted(() => this.format.formatTools(wire))) as TTool[];
  }

  /** Whether no subclass wraps tools in its own way, so that they need not become JavaScript objects first. */
  get isPlain(): boolean {
    const own = FormatProvider.prototype;
    return this.wrapTools === own.wrapTools && this.wrapTool === own.wrapTool;
  }

  /**
   * The tool calls in a model's reply, in order.
   *
   * @throws ValidationError The reply is not this provider's.
   */
  toolCalls(reply: unknown): ToolCall[] {
    const text = encode("reply", reply);
    return decode(lifted(() => this.format.toolCalls(text))) as ToolCall[];
  }

  /** The messages that give the results back to the model; `results` has one item a call. */
  formatResults(calls: ToolCall[], results: unknown[]): TMessage[] {
    const [asked, answered] = [encode("calls", calls), encode("results", results)];
    return decode(lifted(() => this.format.formatResults(asked, answered))) as TMessage[];
  }

  /**
   * Runs all tool calls of a model's reply at once; gives `data`, `error` and `successful` of each, in order.
   * `session.handleToolCalls` gives the messages for the model instead.
   */
  async handleToolCalls(session: CallsTools, reply: unknown, options?: RequestOptions): Promise<ToolCallResult[]> {
    return session.callTools(this.toolCalls(reply), options);
  }
}

/**
 * The provider, where the core can read its replies. Told by its methods: it may come from the other of the package's
 * two formats.
 *
 * @throws UsageError It is another one.
 */
export function requireFormat(provider: Provider): FormatProvider {
  if (isFormat(provider)) return provider;
  throw new UsageError(`the provider ${provider.name} does not say how its replies name tool calls`, {
    kind: "unsupported",
    suggestedFix: "run each with session.executeToolCall",
  });
}

/** Whether the core knows the provider's formats. */
export function isFormat(provider: Provider): provider is FormatProvider {
  return "formatResults" in provider && "toolCalls" in provider && "format" in provider;
}
