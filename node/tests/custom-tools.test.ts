// Custom tools and modifiers: schemas of zod v3, v4 and JSON, and functions that throw anything.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import {
  Composio,
  experimental_createTool,
  InvalidModifier,
  ValidationError,
  type CustomTool,
  type InputSchema,
  type JsonObject,
  type Session,
  type ToolModifiers,
} from "@composio/core";
import { z } from "zod";
import * as mini from "zod/mini";
import { z as z3 } from "zod3";

import { Mock } from "./support.js";

let mock: Mock;
let composio: Composio;
before(async () => {
  mock = await Mock.start();
  composio = new Composio({ apiKey: "k", baseURL: mock.url });
});
after(() => mock.stop());

const session = (...customTools: CustomTool[]): Promise<Session> =>
  composio.create("user", { experimental: { customTools } });

function tool(inputParams: InputSchema, execute: (input: unknown) => unknown): CustomTool {
  return experimental_createTool("TOOL", { name: "Tool", description: "Does.", inputParams, execute });
}

const SCHEMAS: [string, InputSchema][] = [
  ["zod v4", z.object({ count: z.number().int().describe("How many."), unit: z.string().default("lamp") })],
  ["zod v3", z3.object({ count: z3.number().int().describe("How many."), unit: z3.string().default("lamp") })],
  [
    "zod/mini",
    mini.object({
      count: mini.int().check(mini.describe("How many.")),
      unit: mini._default(mini.string(), "lamp"),
    }),
  ],
];

for (const [name, schema] of SCHEMAS) {
  test(`${name} describes, checks and completes the arguments`, async () => {
    const { inputSchema } = tool(schema, (input) => input);
    const properties = inputSchema["properties"] as Record<string, JsonObject>;
    assert.equal(properties["count"]?.["type"], "integer");
    assert.equal(properties["count"]?.["description"], "How many.");
    assert.equal(properties["unit"]?.["default"], "lamp");
    assert.deepEqual(inputSchema["required"], ["count"]);
    const bound = await session(tool(schema, (input) => input));
    assert.deepEqual((await bound.execute("TOOL", { count: 2 })).data, { count: 2, unit: "lamp" });
    const { error, resultType } = await bound.execute("TOOL", { count: "two" });
    assert.match(String(error), /count/);
    assert.notEqual(resultType, "completed");
  });
}

test("zod coerces and transforms", async () => {
  const schema = z.object({ day: z.coerce.date(), tags: z.string().transform((text) => text.split(",")) });
  const bound = await session(tool(schema, (input) => ({ seen: input as z.output<typeof schema> })));
  const { data } = await bound.execute("TOOL", { day: "2025-01-02T00:00:00Z", tags: "a,b" });
  assert.deepEqual(data, { seen: { day: "2025-01-02T00:00:00.000Z", tags: ["a", "b"] } });
});

test("a JSON Schema is checked too", async () => {
  const schema = { type: "object", properties: { count: { type: "integer" } }, required: ["count"] };
  const bound = await session(tool(schema, (input) => input));
  assert.deepEqual((await bound.execute("TOOL", { count: 2 })).data, { count: 2 });
  assert.match(String((await bound.execute("TOOL", { count: "two" })).error), /count/);
});

const define = experimental_createTool as (slug: string, options: unknown) => unknown;
test("a malformed definition is refused, and the message says why", () => {
  const fine = { name: "T", description: "D.", inputParams: { type: "object" }, execute: () => ({}) };
  const wrong: [string, unknown, RegExp][] = [
    ["T", { ...fine, execute: "run" }, /execute must be a function, got a string/],
    ["T", { ...fine, inputParams: 1 }, /inputParams must be a zod schema or a JSON Schema, got a number/],
    ["T", { ...fine, inputParams: z.string() }, /object/],
    ["not a slug!", fine, /slug/],
  ];
  for (const [slug, options, message] of wrong) {
    assert.throws(
      () => define(slug, options),
      (error) => error instanceof ValidationError && message.test(error.message),
    );
  }
});

const hostile = Object.defineProperty({}, "message", {
  get() {
    throw new Error("no message for you");
  },
});
const THROWN: [string, unknown, RegExp][] = [
  ["an error", new Error("broken"), /^broken$/],
  ["a string", "text", /^text$/],
  ["undefined", undefined, /undefined/],
  ["null", null, /null/],
  ["a number", 7, /7/],
  ["an error without a message", new TypeError(), /TypeError/],
  ["a lone surrogate", new Error("a\ud800"), /^a\ufffd$/],
  ["a symbol", Symbol("s"), /s/],
  ["an object without a prototype", Object.create(null), /no text/],
  ["an object that throws itself", hostile, /no text/],
];

for (const [name, thrown, message] of THROWN) {
  test(`a tool that throws or rejects with ${name} fails alone`, async () => {
    const functions = [
      () => {
        throw thrown;
      },
      () => Promise.reject(thrown),
    ];
    for (const work of functions) {
      const bound = await session(tool({ type: "object" }, work));
      const { error, data } = await bound.execute("TOOL");
      assert.match(String(error), message);
      assert.deepEqual(data, {});
    }
  });
}

test("a result without a JSON form is the tool's failure", async () => {
  for (const result of [{ n: Number.NaN }, { f: () => 1 }, { text: "\ud800" }, { map: new Map() }]) {
    const bound = await session(tool({ type: "object" }, () => result));
    assert.match(String((await bound.execute("TOOL")).error), /the tool's result\./);
  }
});

test("what a modifier throws reaches the caller as it is", async () => {
  const bound = await session(tool({ type: "object" }, () => ({ ok: true })));
  const reason = new RangeError("not today");
  const refuse = () => {
    throw reason;
  };
  const modifiers: ToolModifiers[] = [{ beforeExecute: refuse }, { afterExecute: () => Promise.reject(reason) }];
  for (const given of modifiers) {
    await assert.rejects(bound.executeToolCall("TOOL", {}, given), (error) => error === reason);
  }
  await assert.rejects(bound.tools({ modifySchema: refuse }), (error) => error === reason);
});

test("a modifier that returns nothing usable is named", async () => {
  const bound = await session(tool({ type: "object" }, () => ({})));
  const modifiers = { beforeExecute: () => undefined } as unknown as ToolModifiers;
  await assert.rejects(bound.executeToolCall("TOOL", {}, modifiers), InvalidModifier);
});

test("a tool sees the caller's signal, and calls others", async () => {
  const inner = experimental_createTool("INNER", {
    name: "Inner",
    description: "Says who.",
    inputParams: { type: "object" },
    execute: (_input, { userId }) => ({ userId }),
  });
  const { signal } = new AbortController();
  const outer = experimental_createTool("OUTER", {
    name: "Outer",
    description: "Asks.",
    inputParams: { type: "object" },
    execute: async (_input, context) => {
      const { data } = await context.execute("INNER");
      return { ...data, same: context.signal === signal };
    },
  });
  const bound = await session(inner, outer);
  const { data } = await bound.execute("OUTER", {}, {}, { signal });
  assert.deepEqual(data, { userId: bound.userId, same: true });
});
