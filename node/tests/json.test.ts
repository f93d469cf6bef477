// JSON crosses the border whole, and what has no JSON form does not.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Composio, experimental_createTool, ValidationError, type JsonObject, type Session } from "@composio/core";
import fc from "fast-check";

import { Mock } from "./support.js";

const echo = experimental_createTool("ECHO", {
  name: "Echo",
  description: "Gives its arguments back.",
  inputParams: { type: "object" },
  execute: (input) => input,
});

let mock: Mock;
let session: Session;
before(async () => {
  mock = await Mock.start();
  const composio = new Composio({ apiKey: "k", baseURL: mock.url });
  session = await composio.create("user", { experimental: { customTools: [echo] } });
});
after(() => mock.stop());

const sent = async (value: unknown) => (await session.execute("ECHO", { value })).data["value"];

/** What is the same JSON: no minus zero, and an integer that a number holds only by chance is a bigint. */
function canonical(value: unknown): unknown {
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  if (typeof value === "number")
    return /^-?\d{16,}$/.test(String(value)) ? canonical(BigInt(String(value))) : value + 0;
  if (Array.isArray(value)) return value.map(canonical);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, canonical(item)]));
}

test("any JSON comes back as it was", () =>
  fc.assert(
    fc.asyncProperty(fc.jsonValue({ stringUnit: "binary" }), async (value) => {
      assert.deepEqual(await sent(value), canonical(value));
    }),
    { numRuns: 500 },
  ));

test("integers of any size keep their digits", async () => {
  await fc.assert(
    fc.asyncProperty(fc.bigInt({ min: -(2n ** 200n), max: 2n ** 200n }), async (value) => {
      assert.equal(await sent(value), canonical(value));
    }),
  );
  const edges = [2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n, -(2n ** 53n) - 1n, 2n ** 63n, 2n ** 64n - 1n];
  assert.deepEqual(await sent(edges), edges.map(canonical));
});

test("floats keep their value", () =>
  fc.assert(
    fc.asyncProperty(fc.double({ noNaN: true, noDefaultInfinity: true }), async (value) => {
      assert.deepEqual(await sent(value), canonical(value));
    }),
  ));

test("null is sent, undefined is absent, toJSON is asked", async () => {
  assert.deepEqual(await sent({ a: null, b: undefined, when: new Date(0) }), {
    a: null,
    when: "1970-01-01T00:00:00.000Z",
  });
});

const cycle: JsonObject = {};
cycle["self"] = cycle;
const WITHOUT_FORM: [string, unknown, RegExp][] = [
  ["NaN", Number.NaN, /arguments\.value: is NaN or infinite/],
  ["an infinite number", [1, Number.POSITIVE_INFINITY], /arguments\.value\[1\]: is NaN or infinite/],
  ["a function", { f: () => 1 }, /arguments\.value\.f: is a function/],
  ["a symbol", { s: Symbol("s") }, /arguments\.value\.s: is a symbol/],
  ["a map", new Map(), /arguments\.value: is a Map/],
  ["bytes", new Uint8Array(1), /arguments\.value: is a Uint8Array/],
  ["a cycle", cycle, /contains itself/],
  ["a lone surrogate", { text: "a\ud800" }, /arguments\.value\.text: holds a lone surrogate/],
  ["a lone surrogate in a key", { "\udc00": 1 }, /lone surrogate/],
];

for (const [name, value, message] of WITHOUT_FORM) {
  test(`${name} is refused before anything is sent`, async () => {
    const { requests_served: before } = await mock.control("stats");
    const refused = session.execute("GITHUB_CREATE_ISSUE", { value });
    await assert.rejects(refused, (error) => {
      assert.ok(error instanceof ValidationError);
      assert.match(error.message, message);
      return true;
    });
    const { requests_served: now } = await mock.control("stats");
    // Only the question itself was served in between.
    assert.ok((now as number) - (before as number) <= 1);
  });
}
