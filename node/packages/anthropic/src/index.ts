/**
 * Tools for Anthropic's Messages API. The SDK is not imported; replies may be its objects.
 *
 * @packageDocumentation
 */

import { FormatProvider } from "@composio/core";

/** A tool of the Messages API. */
export interface AnthropicTool {
  name: string;
  description?: string;
  input_schema: { type: "object"; [key: string]: unknown };
}

/** A message that answers tool calls. */
export interface AnthropicToolMessage {
  role: "user";
  content: { type: "tool_result"; tool_use_id: string; content: string; is_error?: boolean }[];
}

/**
 * The Messages API.
 *
 * @example
 * const message = await anthropic.messages.create({ model, max_tokens, messages, tools: await session.tools() });
 * messages.push({ role: message.role, content: message.content }, ...(await session.handleToolCalls(message)));
 */
export class AnthropicProvider extends FormatProvider<AnthropicTool, AnthropicToolMessage> {
  override readonly name = "anthropic";
}
