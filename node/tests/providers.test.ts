// The providers, with the clients of the real SDKs against an endpoint that answers by a script.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { after, before, test } from "node:test";

import Anthropic from "@anthropic-ai/sdk";
import { AnthropicProvider } from "@composio/anthropic";
import { Composio, experimental_createTool, OpenAIProvider, ValidationError, type Provider } from "@composio/core";
import { GoogleProvider } from "@composio/google";
import { OpenAIResponsesProvider } from "@composio/openai";
import { GoogleGenAI } from "@google/genai";
import OpenAI from "openai";

import { Mock } from "./support.js";

const CALLS: [string, object][] = [
  ["LOCAL_GREET", { name: "Ada" }],
  ["GITHUB_CREATE_ISSUE", { title: "x" }],
];
const greet = experimental_createTool("GREET", {
  description: "Greets.",
  inputParams: { type: "object", properties: { name: { type: "string" } } },
  preload: true,
  execute: ({ name }) => ({ greeting: `hello ${String(name)}` }),
});

const textual = CALLS.map(([name, input], n) => ({ id: `c${n}`, name, arguments: JSON.stringify(input) }));
const REPLIES: Record<string, unknown> = {
  openai: {
    choices: [
      {
        index: 0,
        finish_reason: "tool_calls",
        message: {
          role: "assistant",
          content: null,
          tool_calls: textual.map(({ id, ...call }) => ({ id, type: "function", function: call })),
        },
      },
    ],
  },
  openai_responses: {
    object: "response",
    output: textual.map(({ id, ...call }) => ({ type: "function_call", call_id: id, ...call })),
  },
  anthropic: {
    type: "message",
    role: "assistant",
    content: CALLS.map(([name, input], n) => ({ type: "tool_use", id: `c${n}`, name, input })),
  },
  google: {
    candidates: [
      {
        content: {
          role: "model",
          parts: CALLS.map(([name, args], n) => ({ functionCall: { id: `c${n}`, name, args } })),
        },
      },
    ],
  },
};

/** What the endpoint answers, and what it was asked. */
const script: { reply: unknown; asked: unknown } = { reply: {}, asked: {} };
const endpoint = createServer((request, response) => {
  void json(request).then((asked) => {
    script.asked = asked;
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify(script.reply));
  });
});

let mock: Mock;
let url: string;
before(async () => {
  mock = await Mock.start();
  await new Promise<void>((listening) => endpoint.listen(0, "127.0.0.1", listening));
  url = `http://127.0.0.1:${(endpoint.address() as AddressInfo).port}`;
});
after(() => {
  mock.stop();
  endpoint.close();
  endpoint.closeAllConnections();
});

const ask: Record<string, (tools: never) => Promise<unknown>> = {
  openai: (tools) =>
    new OpenAI({ apiKey: "k", baseURL: url }).chat.completions.create({ model: "m", messages: [], tools }),
  openai_responses: (tools) =>
    new OpenAI({ apiKey: "k", baseURL: url }).responses.create({ model: "m", input: "x", tools }),
  anthropic: (tools) =>
    new Anthropic({ apiKey: "k", baseURL: url }).messages.create({ model: "m", max_tokens: 9, messages: [], tools }),
  google: (tools) =>
    new GoogleGenAI({ apiKey: "k", httpOptions: { baseUrl: url } }).models.generateContent({
      model: "m",
      contents: "x",
      config: { tools: [{ functionDeclarations: tools }] },
    }),
};

const providers: Provider[] = [
  new OpenAIProvider(),
  new OpenAIResponsesProvider(),
  new AnthropicProvider(),
  new GoogleProvider(),
];
for (const provider of providers) {
  test(`the ${provider.name} client takes the tools, and its reply is handled`, async () => {
    const composio = new Composio({ apiKey: "k", baseURL: mock.url, provider });
    const session = await composio.create("user", { experimental: { customTools: [greet] } });
    script.reply = REPLIES[provider.name];
    const tools = await session.tools();
    assert.equal((tools as unknown[]).length, 101);
    const reply = await ask[provider.name]?.(tools as never);
    assert.match(JSON.stringify(script.asked), /LOCAL_GREET/);
    for (const given of [reply, JSON.parse(JSON.stringify(reply))]) {
      const messages = JSON.stringify(await session.handleToolCalls(given));
      assert.match(messages, /hello Ada/);
      assert.ok(messages.indexOf("c0") < messages.indexOf("c1"), "both are answered, in order");
    }
    await assert.rejects(session.handleToolCalls({ unknown: true }), ValidationError);
    await composio.close();
  });
}
