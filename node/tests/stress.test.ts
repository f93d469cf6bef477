// Many calls and sessions: nothing is left over. Linux only, where /proc tells.

import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";

import { Composio, ComposioRequestCancelledError } from "@composio/core";

import { Mock } from "./support.js";

const SESSIONS = 10_000;
const AT_ONCE = 50;
/** What memory may grow by while 8,000 sessions come and go. */
const GROWTH = 24 * 1024 * 1024;

const count = (what: "fd" | "task") => readdirSync(`/proc/self/${what}`).length;

function resident(): number {
  globalThis.gc?.();
  return process.memoryUsage().rss;
}

test("a thousand calls at once, half of them cancelled", async () => {
  const mock = await Mock.start();
  const composio = new Composio({ apiKey: "k", baseURL: mock.url });
  const session = await composio.create("user");
  const outcomes = await Promise.allSettled(
    Array.from({ length: 1000 }, (_, number) => {
      const controller = new AbortController();
      const call = session.execute("GITHUB_CREATE_ISSUE", { number }, {}, { signal: controller.signal });
      if (number % 2 === 1) setImmediate(() => controller.abort());
      return call;
    }),
  );
  for (const [number, outcome] of outcomes.entries()) {
    if (outcome.status === "fulfilled") assert.equal(outcome.value.error, null);
    else {
      assert.equal(number % 2, 1, "only what was cancelled ends so");
      assert.ok(outcome.reason instanceof ComposioRequestCancelledError);
    }
  }
  assert.ok(
    outcomes.some(({ status }) => status === "rejected"),
    "some were cancelled in time",
  );
  assert.equal((await session.execute("GITHUB_CREATE_ISSUE")).error, null, "the client still works");
  await composio.close();
  mock.stop();
});

test("ten thousand sessions leave no memory, descriptor or thread", async () => {
  const mock = await Mock.start();
  const composio = new Composio({ apiKey: "k", baseURL: mock.url });
  const make = async (sessions: number) => {
    for (let made = 0; made < sessions; made += AT_ONCE) {
      await Promise.all(Array.from({ length: AT_ONCE }, () => composio.create("user")));
    }
  };
  await make(SESSIONS / 5);
  const before = { memory: resident(), fd: count("fd"), task: count("task") };
  await make((SESSIONS * 4) / 5);
  assert.ok(resident() - before.memory < GROWTH, `grew by ${resident() - before.memory} bytes`);
  assert.ok(count("fd") <= before.fd, `${count("fd")} descriptors after ${before.fd}`);
  assert.ok(count("task") <= before.task, `${count("task")} threads after ${before.task}`);
  await composio.close();
  mock.stop();
});
