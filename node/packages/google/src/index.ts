/**
 * Tools for Google's Gemini API. The SDK is not imported; replies may be its objects.
 *
 * @packageDocumentation
 */

import { FormatProvider } from "@composio/core";

/** A function declaration of the Gemini API. */
export interface GoogleTool {
  name: string;
  description?: string;
  parametersJsonSchema?: unknown;
}

/** A content that answers function calls. */
export interface GoogleToolMessage {
  role: "user";
  parts: { functionResponse: { id?: string; name: string; response: Record<string, unknown> } }[];
}

/**
 * The Gemini API.
 *
 * @example
 * const config = { tools: [{ functionDeclarations: await session.tools() }] };
 * const reply = await ai.models.generateContent({ model, contents, config });
 * contents.push(reply.candidates[0].content, ...(await session.handleToolCalls(reply)));
 */
export class GoogleProvider extends FormatProvider<GoogleTool, GoogleToolMessage> {
  override readonly name = "google";
}
