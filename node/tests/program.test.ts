// The program `composio` that the package installs.

import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";

import { ROOT, inFolder } from "./support.js";

const CORE = path.join(ROOT, "node/packages/core");
const { bin } = JSON.parse(readFileSync(path.join(CORE, "package.json"), "utf8")) as { bin: { composio: string } };
const PROGRAM = path.join(CORE, bin.composio);
const environment = { ...process.env };
delete environment["COMPOSIO_CONFIG"];
delete environment["COMPOSIO_LOG"];

const start = (folder: string, ...args: string[]) =>
  spawn(process.execPath, [PROGRAM, ...args, "--data", folder], { cwd: folder, env: environment });

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
    inFolder(async (folder) => {
      const server = start(folder, "serve", "--listen", "127.0.0.1:0", "--json");
      server.stderr.resume();
      const [line] = (await once(createInterface({ input: server.stdout }), "line")) as [string];
      const { listening } = JSON.parse(line) as { listening: string };
      assert.equal((await fetch(`${listening}/health/ready`)).status, 200);
      const ended = once(server, "exit");
      server.kill(signal);
      assert.deepEqual(await ended, [0, null]);
    }),
  );
}

test("a session is served to an MCP client over the standard streams", () =>
  inFolder(async (folder) => {
    const server = start(folder, "mcp", "--user", "ada", "--toolkits", "time", "--all-tools");
    server.stderr.resume();
    const lines = createInterface({ input: server.stdout })[Symbol.asyncIterator]();
    const send = (message: object) => server.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
    const clientInfo = { name: "test", version: "1" };
    const params = { protocolVersion: "2025-06-18", capabilities: {}, clientInfo };
    send({ id: 1, method: "initialize", params });
    const begun = JSON.parse((await lines.next()).value as string) as { result: { serverInfo: { name: string } } };
    assert.equal(begun.result.serverInfo.name, "composio");
    send({ method: "notifications/initialized" });
    send({ id: 2, method: "tools/call", params: { name: "TIME_NOW", arguments: { timezone: "Asia/Tokyo" } } });
    const answer = JSON.parse((await lines.next()).value as string) as {
      result: { structuredContent: { timezone: string } };
    };
    assert.equal(answer.result.structuredContent.timezone, "Asia/Tokyo");
    const ended = once(server, "exit");
    server.stdin.end();
    assert.deepEqual(await ended, [0, null]);
  }));
