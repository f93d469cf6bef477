// The program `composio` that the package installs.

import assert from "node:assert/strict";
import { type ChildProcessWithoutNullStreams, execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";

import { ROOT, inFolder } from "./support.js";

const CORE = path.join(ROOT, "node/packages/core");
const { bin } = JSON.parse(readFileSync(path.join(CORE, "package.json"), "utf8")) as { bin: { composio: string } };
const PROGRAM = path.join(CORE, bin.composio);
/** Milliseconds. */
const PATIENCE = 60_000;
const environment = { ...process.env };
delete environment["COMPOSIO_CONFIG"];
delete environment["COMPOSIO_LOG"];

interface Program {
  process: ChildProcessWithoutNullStreams;
  lines: AsyncIterator<string>;
  /** How it ended: its code, or the signal. */
  ended: Promise<unknown[]>;
}

/** Runs the program, which is gone afterwards, also where it did not end as it should have. */
async function started(folder: string, args: string[], use: (program: Program) => Promise<void>): Promise<void> {
  const options = { cwd: folder, env: environment };
  const program = spawn(process.execPath, [PROGRAM, ...args, "--data", folder], options);
  const ended = once(program, "exit");
  // It fails only where the program could not be started, which `use` sees too.
  ended.catch(() => undefined);
  program.stderr.resume();
  // A program that hangs ends, so that what waits for it fails.
  const patience = setTimeout(() => program.kill("SIGKILL"), PATIENCE);
  try {
    await use({ process: program, lines: createInterface({ input: program.stdout })[Symbol.asyncIterator](), ended });
  } finally {
    clearTimeout(patience);
    program.kill("SIGKILL");
    await ended.catch(() => undefined);
  }
}

async function line<T>({ lines }: Program): Promise<T> {
  const next = await lines.next();
  assert.ok(!next.done, "the program ended");
  return JSON.parse(next.value) as T;
}

test("it is a program of its own", { skip: process.platform === "win32" }, () => {
  assert.match(execFileSync(PROGRAM, ["--version"], { encoding: "utf8" }), /^composio \d/);
});

test("its exit codes are the program's", () =>
  inFolder(async (folder) => {
    const code = (...args: string[]) =>
      spawnSync(process.execPath, [PROGRAM, ...args, "--data", folder], { cwd: folder, env: environment }).status;
    assert.equal(code("tools", "run", "TIME_NOW"), 0);
    assert.equal(code("tools", "run", "TIME_NOW", '{"timezone": "Mars"}'), 1);
    assert.equal(code("serv"), 2);
    return Promise.resolve();
  }));

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  test(`a server ends well with ${signal}`, { skip: process.platform === "win32" }, () =>
    inFolder((folder) =>
      started(folder, ["serve", "--listen", "127.0.0.1:0", "--json"], async (server) => {
        const { listening } = await line<{ listening: string }>(server);
        assert.equal((await fetch(`${listening}/health/ready`)).status, 200);
        server.process.kill(signal);
        assert.deepEqual(await server.ended, [0, null]);
      }),
    ),
  );
}

test("a session is served to an MCP client over the standard streams", () =>
  inFolder((folder) =>
    started(folder, ["mcp", "--user", "ada", "--toolkits", "time", "--all-tools"], async (server) => {
      const { stdin } = server.process;
      const send = (message: object) => stdin.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
      const clientInfo = { name: "test", version: "1" };
      const params = { protocolVersion: "2025-06-18", capabilities: {}, clientInfo };
      send({ id: 1, method: "initialize", params });
      const begun = await line<{ result: { serverInfo: { name: string } } }>(server);
      assert.equal(begun.result.serverInfo.name, "composio");
      send({ method: "notifications/initialized" });
      send({ id: 2, method: "tools/call", params: { name: "TIME_NOW", arguments: { timezone: "Asia/Tokyo" } } });
      const answer = await line<{ result: { structuredContent: { timezone: string } } }>(server);
      assert.equal(answer.result.structuredContent.timezone, "Asia/Tokyo");
      stdin.end();
      assert.deepEqual(await server.ended, [0, null]);
    }),
  ));
