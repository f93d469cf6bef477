// Many calls and sessions: nothing is left over. Linux only, where /proc tells.

import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test, type TestContext } from "node:test";

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

/** Closed when the test ends, however it does. */
async function client(t: TestContext): Promise<Composio> {
  const mock = await Mock.start();
  const composio = new Composio({ apiKey: "k", baseURL: mock.url });
  t.after(async () => {
    await composio.close();
    mock.stop();
  });
  return composio;
}

test("a thousand calls at once, half of them cancelled", async (t) => {
  const composio = await client(t);
  const [session, stuck] = await Promise.all([composio.create("user"), composio.use("trs_stuck")]);
  const controllers = Array.from({ length: 500 }, () => new AbortController());
  const cancelled = controllers.map(({ signal }) => stuck.execute("NEVER_ENDS", {}, {}, { signal }));
  const answered = controllers.map((_, number) => session.execute("GITHUB_CREATE_ISSUE", { number }));
  setImmediate(() => controllers.forEach((controller) => controller.abort()));
  for (const outcome of await Promise.allSettled(cancelled)) {
    assert.equal(outcome.status, "rejected");
    assert.ok(outcome.reason instanceof ComposioRequestCancelledError);
  }
  for (const { error } of await Promise.all(answered)) assert.equal(error, null);
  assert.equal((await session.execute("GITHUB_CREATE_ISSUE")).error, null, "the client still works");
});

test("ten thousand sessions leave no memory, descriptor or thread", async (t) => {
  const composio = await client(t);
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
});
