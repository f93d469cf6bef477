// What the types say; the compiler is the judge, so there is little to run.

import assert from "node:assert/strict";
import { test } from "node:test";

import { AnthropicProvider, type AnthropicTool } from "@composio/anthropic";
import {
  BaseAgenticProvider,
  Composio,
  experimental_createTool,
  type ConnectionRequest,
  type CustomTool,
  type JsonObject,
  type OpenAITool,
  type Page,
  type RegisteredCustomTool,
  type Session,
  type SessionConfig,
  type SessionExecuteResponse,
  type SessionProxyExecuteResponse,
  type SessionSearchResponse,
  type Tool,
  type ToolkitConnectionsDetails,
} from "@composio/core";
import { GoogleProvider, type GoogleTool } from "@composio/google";
import { OpenAIResponsesProvider, type OpenAIResponsesTool } from "@composio/openai";
import { expectTypeOf } from "expect-type";
import { z } from "zod";
import { z as z3 } from "zod3";

class Framework extends BaseAgenticProvider<Map<string, Tool>, Tool> {
  override readonly name = "framework";
  override wrapTool = (tool: Tool): Tool => tool;
  override wrapTools = (tools: Tool[]) => new Map(tools.map((tool) => [tool.slug, tool]));
}

type Method<K extends keyof Session> = Session[K] extends (...args: never[]) => infer R ? Awaited<R> : never;

test("methods have exact results, and none is any", () => {
  expectTypeOf<Method<"execute">>().toEqualTypeOf<SessionExecuteResponse>();
  expectTypeOf<Method<"executeMeta">>().toEqualTypeOf<SessionExecuteResponse>();
  expectTypeOf<Method<"search">>().toEqualTypeOf<SessionSearchResponse>();
  expectTypeOf<Method<"toolkits">>().toEqualTypeOf<ToolkitConnectionsDetails>();
  expectTypeOf<Method<"proxyExecute">>().toEqualTypeOf<SessionProxyExecuteResponse>();
  expectTypeOf<Method<"authorize">>().toEqualTypeOf<ConnectionRequest>();
  expectTypeOf<Method<"customTools">>().toEqualTypeOf<RegisteredCustomTool[]>();
  expectTypeOf<Session["config"]>().toEqualTypeOf<JsonObject>();
  expectTypeOf<Page<string>["items"]>().toEqualTypeOf<string[]>();
  expectTypeOf<SessionExecuteResponse["data"][string]>().toBeUnknown();
  expectTypeOf<SessionProxyExecuteResponse["data"]>().toBeUnknown();
});

test("the provider says what tools() gives", () => {
  const options = { backend: "embedded" } as const;
  const [_plain, _anthropic, _google, _responses, framework] = [
    new Composio(options),
    new Composio({ ...options, provider: new AnthropicProvider() }),
    new Composio({ ...options, provider: new GoogleProvider() }),
    new Composio({ ...options, provider: new OpenAIResponsesProvider() }),
    new Composio({ ...options, provider: new Framework() }),
  ];
  type Tools<C> = C extends Composio<infer T> ? T : never;
  expectTypeOf<Tools<typeof _plain>>().toEqualTypeOf<OpenAITool[]>();
  expectTypeOf<Tools<typeof _anthropic>>().toEqualTypeOf<AnthropicTool[]>();
  expectTypeOf<Tools<typeof _google>>().toEqualTypeOf<GoogleTool[]>();
  expectTypeOf<Tools<typeof _responses>>().toEqualTypeOf<OpenAIResponsesTool[]>();
  expectTypeOf<Tools<typeof framework>>().toEqualTypeOf<Map<string, Tool>>();
  assert.equal(framework.provider.name, "framework");
});

test("a schema says what the function gets", () => {
  const common = { name: "T", description: "Does." };
  const tools: CustomTool[] = [
    experimental_createTool("ZOD_4", {
      ...common,
      inputParams: z.object({ a: z.number(), b: z.string().default("x") }),
      execute: (input) => {
        expectTypeOf(input).toEqualTypeOf<{ a: number; b: string }>();
        return {};
      },
    }),
    experimental_createTool("ZOD_3", {
      ...common,
      inputParams: z3.object({ a: z3.number(), b: z3.string().default("x") }),
      execute: (input, context) => {
        expectTypeOf(input).toEqualTypeOf<{ a: number; b: string }>();
        expectTypeOf(context.userId).toBeString();
        return {};
      },
    }),
    experimental_createTool("JSON_SCHEMA", {
      ...common,
      inputParams: { type: "object" },
      execute: (input) => {
        expectTypeOf(input).toEqualTypeOf<JsonObject>();
        return {};
      },
    }),
  ];
  assert.equal(tools.length, 3);
});

test("wrong configurations do not compile", () => {
  // @ts-expect-error: a size that there is not
  const size: SessionConfig = { sandbox: { sandboxSize: "huge" } };
  // @ts-expect-error: a tag that there is not
  const tag: SessionConfig = { tags: ["readOnly"] };
  // @ts-expect-error: both forms at once
  const toolkits: SessionConfig = { toolkits: { enable: ["a"], disable: 1 } };
  // @ts-expect-error: an unknown name
  const unknown: SessionConfig = { toolKits: [] };
  assert.equal([size, tag, toolkits, unknown].length, 4);
});
