// The scenario that every language plays; see tests/scenario/README.md.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";

import { AnthropicProvider } from "@composio/anthropic";
import { Composio, ComposioError, errorClasses, experimental_createTool, type JsonObject } from "@composio/core";
import { OpenAIProvider } from "@composio/openai";

import { config, everything } from "./embedded.js";
import { inFolder, ROOT, type Fields } from "./support.js";

interface Call {
  slug: string;
  arguments: JsonObject;
}

interface Given {
  user_id: string;
  search: string;
  built_in: Call;
  mcp: Call;
  custom_tool: Fields & {
    slug: string;
    input_schema: JsonObject;
    calls: { slug: string; argument: string; fixed: JsonObject };
  };
  custom_arguments: JsonObject;
  multi_execute: JsonObject[];
  unknown_tool: string;
  replies: Record<"openai" | "anthropic", unknown>;
}

const read = (file: string) => JSON.parse(readFileSync(path.join(ROOT, "tests/scenario", file), "utf8")) as unknown;

/** A message with the JSON text of its results read. */
function unfold(message: JsonObject): JsonObject {
  const { content } = message;
  if (typeof content === "string") return { ...message, content: JSON.parse(content) as unknown };
  const parts = (content as { content: string }[]).map((part) => ({
    ...part,
    content: JSON.parse(part.content) as unknown,
  }));
  return { ...message, content: parts };
}

async function play(given: Given, folder: string): Promise<Fields> {
  const { slug, name, description, input_schema, calls } = given.custom_tool;
  const meeting = experimental_createTool(slug, {
    name: name as string,
    description: description as string,
    inputParams: input_schema,
    execute: async (input, context) => {
      const { start } = input as { start: string };
      const { data } = await context.execute(calls.slug, { [calls.argument]: start, ...calls.fixed });
      return { berlin: start, tokyo: (data as { time: string }).time };
    },
  });
  const url = process.env["SCENARIO_MCP_URL"];
  const server = url === undefined ? everything() : { slug: "everything", url };
  const outcome: Fields = {};
  const providers = { openai: new OpenAIProvider(), anthropic: new AnthropicProvider() } as const;
  for (const [name, provider] of Object.entries(providers) as [keyof typeof providers, OpenAIProvider][]) {
    const composio = new Composio({ provider, backend: "embedded", config: config(folder, server) });
    const session = await composio.create(given.user_id, { experimental: { customTools: [meeting] } });
    outcome[name] = (await session.handleToolCalls(given.replies[name])).map(unfold);
    if (name === "openai") {
      outcome["toolkits"] = (await session.toolkits()).items.map(({ slug }) => slug).sort();
      outcome["found"] = (await session.search({ query: given.search })).results[0]?.primaryToolSlugs[0];
      for (const what of ["built_in", "mcp"] as const) {
        const { data, error } = await session.execute(given[what].slug, given[what].arguments);
        outcome[what] = { data, error };
      }
      const { data, error } = await session.execute(slug, given.custom_arguments);
      outcome["custom"] = { data, error };
      const mixed = await session.executeToolCall("COMPOSIO_MULTI_EXECUTE_TOOL", { tools: given.multi_execute });
      for (const { response } of mixed.data["results"] as { response: Fields }[]) delete response["log_id"];
      outcome["multi_execute"] = mixed;
      outcome["unknown_tool"] = await session.execute(given.unknown_tool).then(
        () => "was found",
        (error: unknown) => {
          assert.ok(error instanceof ComposioError);
          return {
            kind: error.constructor === errorClasses[error.kind] ? error.kind : error.constructor.name,
            message: error.suggestedFix === undefined ? error.message : `${error.message} (${error.suggestedFix})`,
          };
        },
      );
    }
    await composio.close();
  }
  return outcome;
}

test("the scenario", () =>
  inFolder(async (folder) => {
    assert.deepEqual(await play(read("scenario.json") as Given, folder), read("expected.json"));
  }));
