/**
 * Tools for OpenAI's chat completions and Responses APIs. The SDK is not imported; replies may be its objects.
 *
 * @packageDocumentation
 */

import { FormatProvider } from "@composio/core";

export { OpenAIProvider, type OpenAITool, type OpenAIToolMessage } from "@composio/core";

/** A tool of the Responses API. */
export interface OpenAIResponsesTool {
  type: "function";
  name: string;
  description?: string;
  parameters: Record<string, unknown> | null;
  strict: boolean;
}

/** An input item that answers a tool call. */
export interface OpenAIFunctionCallOutput {
  type: "function_call_output";
  call_id: string;
  output: string;
}

/**
 * The Responses API.
 *
 * @example
 * const response = await openai.responses.create({ model, input, tools: await session.tools() });
 * const next = await openai.responses.create({
 *   model,
 *   previous_response_id: response.id,
 *   input: await session.handleToolCalls(response),
 * });
 */
export class OpenAIResponsesProvider extends FormatProvider<OpenAIResponsesTool, OpenAIFunctionCallOutput> {
  override readonly name = "openai_responses";
}
