/** Tools for OpenAI's chat completions. */

import type { JsonObject } from "./models.js";
import { FormatProvider } from "./provider.js";

/** A tool of chat completions. */
export interface OpenAITool {
  type: "function";
  function: { name: string; description?: string; parameters?: JsonObject };
}

/** A message that answers a tool call. */
export interface OpenAIToolMessage {
  role: "tool";
  tool_call_id: string;
  content: string;
}

/**
 * Chat completions; the default provider.
 *
 * @example
 * const completion = await openai.chat.completions.create({ model, messages, tools: await session.tools() });
 * messages.push(completion.choices[0].message, ...(await session.handleToolCalls(completion)));
 */
export class OpenAIProvider extends FormatProvider<OpenAITool, OpenAIToolMessage> {
  override readonly name = "openai";
}
