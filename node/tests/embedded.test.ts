// The embedded router, with the real MCP servers that tests/mcp-servers/install.sh installs.

import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";

import {
  Composio,
  experimental_createTool,
  NotFoundError,
  PermissionDeniedError,
  ToolInputRequiredError,
} from "@composio/core";
import { z } from "zod";

import { config, everything } from "./embedded.js";
import { program } from "./silent.js";
import { inFolder } from "./support.js";

function withRouter(work: (composio: Composio, folder: string) => Promise<void>, ...mcp: object[]): Promise<void> {
  return inFolder(async (folder) => {
    const composio = new Composio({
      backend: "embedded",
      config: config(folder, ...(mcp as Record<string, unknown>[])),
    });
    try {
      await work(composio, folder);
    } finally {
      await composio.close();
    }
  });
}

const slugs = (items: { slug: string }[]) => items.map(({ slug }) => slug).sort();

test("the built-ins", () =>
  withRouter(async (composio) => {
    const session = await composio.create("ada");
    assert.deepEqual(slugs((await session.toolkits()).items), ["files", "http", "sqlite", "time"]);
    assert.equal((await session.execute("FILES_WRITE", { path: "a/b.txt", content: "hello" })).error, null);
    assert.equal((await session.execute("FILES_READ", { path: "a/b.txt" })).data["content"], "hello");
    const escaped = await session.execute("FILES_READ", { path: "../router.db" });
    assert.equal(escaped.resultType, "failed");
    assert.ok(escaped.error);
  }));

test("custom tools are found and mixed", () =>
  withRouter(async (composio) => {
    const countLamps = experimental_createTool("COUNT_LAMPS", {
      name: "Count lamps",
      description: "Counts the lamps that a customer has ordered.",
      inputParams: z.object({ customer: z.string() }),
      execute: ({ customer }) => ({ customer, lamps: 5 }),
    });
    const session = await composio.create("ada", { experimental: { customTools: [countLamps] } });
    const found = await session.search({ query: "how many lamps has the customer ordered" });
    assert.equal(found.results[0]?.primaryToolSlugs[0], "LOCAL_COUNT_LAMPS");
    const tools = [
      { tool_slug: "LOCAL_COUNT_LAMPS", arguments: { customer: "Ada" } },
      { tool_slug: "TIME_NOW", arguments: {} },
    ];
    const { data } = await session.executeToolCall("COMPOSIO_MULTI_EXECUTE_TOOL", { tools });
    const results = data["results"] as { tool_slug: string; response: { successful: boolean; data: unknown } }[];
    assert.deepEqual(
      results.map(({ tool_slug, response }) => [tool_slug, response.successful]),
      [
        ["LOCAL_COUNT_LAMPS", true],
        ["TIME_NOW", true],
      ],
    );
    assert.deepEqual(results[0]?.response.data, { customer: "Ada", lamps: 5 });
  }));

test("a refusal names the setting", () =>
  withRouter(async (composio) => {
    const session = await composio.create("ada", {
      toolkits: ["time"],
      tools: { time: { disable: ["TIME_CONVERT"] } },
    });
    const refused = (slug: string, Class: typeof NotFoundError, message: RegExp) =>
      assert.rejects(session.execute(slug), (error) => error instanceof Class && message.test(error.message));
    await refused("TIME_CONVERT", PermissionDeniedError, /tools\.time\.disable/);
    await refused("FILES_LIST", PermissionDeniedError, /toolkits\.enable/);
    await assert.rejects(session.execute("TIME_NWO"), (error) => {
      assert.ok(error instanceof NotFoundError);
      assert.match(String(error), /TIME_NOW/);
      return true;
    });
  }));

test("a warning of the router reaches the program", () =>
  withRouter(async (composio) => {
    const session = await composio.create("ada", { preload: { tools: ["TIME_NOW", "TIME_NWO"] } });
    assert.deepEqual(
      session.warnings.map((warning) => /TIME_NWO/.test(warning.message)),
      [true],
    );
    assert.deepEqual((await composio.create("ada")).warnings, []);
  }));

test("an approval is asked for once a call", () =>
  withRouter(async (composio) => {
    const session = await composio.create("ada", { toolkits: { requireApproval: ["time"] } });
    const asked = await session.execute("TIME_NOW").catch((error: unknown) => error);
    assert.ok(asked instanceof ToolInputRequiredError);
    const inputResponses = Object.fromEntries(
      Object.keys(asked.inputRequests).map((key) => [key, { action: "accept", content: { decision: "approve" } }]),
    );
    assert.ok(asked.requestState !== undefined);
    const answer = { inputResponses, requestState: asked.requestState };
    assert.equal((await session.execute("TIME_NOW", {}, answer)).resultType, "completed");
    await assert.rejects(session.execute("TIME_NOW", {}, answer));
  }));

test("the file mount is the workspace", () =>
  withRouter(async (composio, folder) => {
    const session = await composio.create("ada");
    const { files } = session.experimental;
    const remote = await files.upload(Buffer.from("hello"), { remotePath: "in/a.txt" });
    assert.equal((await session.execute("FILES_READ", { path: "in/a.txt" })).data["content"], "hello");
    assert.equal(await remote.text(), "hello");
    const saved = await (await files.download("in/a.txt")).save(path.join(folder, "copy.txt"));
    assert.equal(readFileSync(saved, "utf8"), "hello");
    assert.deepEqual(
      (await files.list({ path: "in" })).items.map(({ mountRelativePath }) => mountRelativePath),
      ["in/a.txt"],
    );
    await files.delete("in/a.txt");
    assert.deepEqual((await files.list({ path: "in" })).items, []);
  }));

test("a session survives its process", () =>
  inFolder(async (folder) => {
    const source = `
      import { Composio } from "@composio/core";
      const composio = new Composio({ backend: "embedded", config: JSON.parse(process.argv[1]) });
      console.log((await composio.create("ada", { toolkits: ["time"] })).sessionId);`;
    const made = await program(source, JSON.stringify(config(folder)));
    assert.deepEqual({ status: made.status, stderr: made.stderr }, { status: 0, stderr: "" });
    const composio = new Composio({ backend: "embedded", config: config(folder) });
    const session = await composio.use(made.stdout.trim());
    assert.equal((await session.execute("TIME_NOW")).error, null);
    await assert.rejects(session.execute("FILES_LIST"), PermissionDeniedError);
    await session.update({ toolkits: null });
    assert.equal(session.configVersion, 2);
    assert.equal((await session.execute("FILES_LIST")).error, null);
    assert.deepEqual(await session.delete(), { sessionId: session.sessionId, deleted: true });
    await assert.rejects(composio.use(session.sessionId), NotFoundError);
    await composio.close();
  }));

test("two hundred sessions at once", () =>
  withRouter(async (composio) => {
    const numbers = Array.from({ length: 200 }, (_, number) => String(number));
    const one = async (number: string) => {
      const session = await composio.create(`user_${number}`);
      await session.execute("FILES_WRITE", { path: `${number}.txt`, content: number });
      return (await session.execute("FILES_READ", { path: `${number}.txt` })).data["content"];
    };
    assert.deepEqual(await Promise.all(numbers.map(one)), numbers);
  }));

/** The processes that this one has started and that still run. */
function children(): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const [, ppid] = readFileSync(`/proc/${pid}/stat`, "utf8")
          .replace(/^.*\) /, "")
          .split(" ");
        return ppid === String(process.pid);
      } catch {
        return false; // It has ended meanwhile.
      }
    });
}

test("a real MCP server starts with its first use and ends with the client", async () => {
  const before = children();
  await withRouter(async (composio) => {
    const session = await composio.create("ada");
    assert.deepEqual(children(), before);
    const { data, error } = await session.execute("EVERYTHING_ECHO", { message: "hi" });
    assert.equal(error, null);
    assert.match(JSON.stringify(data), /hi/);
    assert.ok(children().length > before.length);
  }, everything());
  assert.deepEqual(children(), before);
});

test("composio.toml is read, and a wrong one says where", () =>
  inFolder(async (folder) => {
    mkdirSync(path.join(folder, "work"));
    writeFileSync(path.join(folder, "work/a.txt"), "hello");
    const file = path.join(folder, "composio.toml");
    const router = `[router]\ndata_dir = "${folder}/data"\nworkspace = "${folder}/work"\n`;
    writeFileSync(file, router);
    const composio = new Composio({ backend: "embedded", config: file });
    const session = await composio.create("ada");
    assert.equal((await session.execute("FILES_READ", { path: "a.txt" })).data["content"], "hello");
    await composio.close();
    writeFileSync(file, `${router}wrokspace = 1\n`);
    await assert.rejects(async () => new Composio({ backend: "embedded", config: file }).create("ada"), /wrokspace/);
  }));

test("a session is served over MCP", () =>
  withRouter(async (composio) => {
    const ask = (mcp: { url: string }, headers: Record<string, string>) =>
      fetch(mcp.url, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          accept: "application/json, text/event-stream",
          "mcp-protocol-version": "2026-07-28",
          "mcp-method": "tools/list",
          ...headers,
        },
        body: JSON.stringify({
          jsonrpc: "2.0",
          id: 1,
          method: "tools/list",
          params: {
            _meta: {
              "io.modelcontextprotocol/protocolVersion": "2026-07-28",
              "io.modelcontextprotocol/clientCapabilities": {},
            },
          },
        }),
      });
    const first = await composio.create("ada", { toolkits: ["time"], preload: { tools: "all" } });
    const second = await composio.create("ada", { mcp: true });
    const { mcp } = first;
    assert.match(await (await ask(mcp, mcp.headers ?? {})).text(), /"TIME_NOW"/);
    assert.equal((await ask(mcp, {})).status, 401);
    assert.equal((await ask(mcp, second.mcp.headers ?? {})).status, 401);
    await composio.close();
    await assert.rejects(ask(mcp, mcp.headers ?? {}));
  }));
