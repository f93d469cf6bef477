// Cancelling, threads, the end of the process, and the ways to load the packages.

import assert from "node:assert/strict";
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { after, before, test } from "node:test";

import { Composio, ComposioClientError, ComposioRequestCancelledError, ValidationError, triple } from "@composio/core";
import { build } from "esbuild";
import { build as vite } from "vite";

import { ended, node, program, Silent } from "./silent.js";
import { inFolder, Mock, ROOT } from "./support.js";

let mock: Mock;
let silent: Silent;
before(async () => {
  mock = await Mock.start();
  silent = await Silent.start();
});
after(() => {
  mock.stop();
  silent.stop();
});

const client = (baseURL: string) => new Composio({ apiKey: "k", baseURL, maxRetries: 0 });

test("an aborted signal stops the request", async () => {
  const controller = new AbortController();
  const call = client(silent.url).create("user", {}, { signal: controller.signal });
  const connection = await silent.take();
  const reason = new Error("enough");
  controller.abort(reason);
  await assert.rejects(call, (error) => {
    assert.ok(error instanceof ComposioRequestCancelledError);
    assert.equal(error.cause, reason);
    return true;
  });
  await ended(connection);
});

test("a time limit of the caller's stops the request", async () => {
  const call = client(silent.url).create("user", {}, { signal: AbortSignal.timeout(100) });
  const refused = assert.rejects(call, ComposioRequestCancelledError);
  const connection = await silent.take();
  await Promise.all([refused, ended(connection)]);
});

test("with a signal that is already aborted nothing is sent", async () => {
  const { accepted_connections: before } = await mock.control("stats");
  await assert.rejects(
    client(mock.url).create("user", {}, { signal: AbortSignal.abort() }),
    ComposioRequestCancelledError,
  );
  const { accepted_connections: now } = await mock.control("stats");
  assert.ok((now as number) - (before as number) <= 1);
});

test("one signal serves a thousand calls without a warning", async () => {
  const warnings: Error[] = [];
  const listen = (warning: Error) => warnings.push(warning);
  process.on("warning", listen);
  const { signal } = new AbortController();
  const session = await client(mock.url).create("user", {}, { signal });
  await Promise.all(Array.from({ length: 1000 }, () => session.execute("A", {}, {}, { signal })));
  await new Promise(setImmediate);
  process.off("warning", listen);
  assert.deepEqual(warnings, []);
});

test("a disposed client refuses further calls", async () => {
  let kept: Composio;
  {
    await using composio = client(mock.url);
    kept = composio;
    await composio.create("user");
  }
  await assert.rejects(kept.create("user"), (error) => {
    assert.ok(error instanceof ComposioClientError);
    assert.match(error.message, /closed/);
    return true;
  });
});

test("an argument of a wrong type is a validation error", async () => {
  const composio = client(mock.url) as unknown as { create(user: unknown): Promise<unknown> };
  for (const user of [1, {}, null, "", "\ud800"]) await assert.rejects(composio.create(user), ValidationError);
});

test("a finished program exits by itself, its client still open", async () => {
  const source = `
    import { Composio } from "@composio/core";
    const session = await new Composio({ apiKey: "k", baseURL: process.argv[1] }).create("user");
    console.log((await session.execute("A")).error);`;
  assert.deepEqual(await program(source, mock.url), { status: 0, stdout: "null\n", stderr: "" });
});

test("a program waits for its calls", async () => {
  const source = `
    import { Composio } from "@composio/core";
    new Composio({ apiKey: "k", baseURL: process.argv[1] }).create("user").then(() => console.log("answered"));`;
  assert.deepEqual(await program(source, mock.url), { status: 0, stdout: "answered\n", stderr: "" });
});

test("a program may exit with calls in flight", async () => {
  const source = `
    import { Composio } from "@composio/core";
    const composio = new Composio({ apiKey: "k", baseURL: process.argv[1] });
    for (let i = 0; i < 20; i++) composio.create("user");
    setImmediate(() => process.exit(0));`;
  assert.deepEqual(await program(source, silent.url), { status: 0, stdout: "", stderr: "" });
});

const WORKERS = `
  import { Worker } from "node:worker_threads";
  const [url, mode] = process.argv.slice(1);
  const source = \`
    import { parentPort, workerData } from "node:worker_threads";
    import { Composio } from "@composio/core";
    const { url, mode } = workerData;
    const composio = new Composio({ apiKey: "k", baseURL: url });
    if (mode === "run") (async () => {
      const session = await composio.create("user");
      const results = await Promise.all(Array.from({ length: 50 }, () => session.execute("A")));
      parentPort.postMessage(results.filter(({ error }) => error === null).length);
    })();
    else {
      for (let i = 0; i < 20; i++) composio.create("user");
      parentPort.postMessage("under way");
    }\`;
  const results = await Promise.all(Array.from({ length: 4 }, async () => {
    const worker = new Worker(source, { eval: true, workerData: { url, mode } });
    const said = await new Promise((resolve, reject) => worker.once("message", resolve).once("error", reject));
    if (mode === "terminate") await worker.terminate();
    return said;
  }));
  console.log(results.join(" "));`;

test("worker threads make calls of their own", async () => {
  const done = await program(WORKERS, mock.url, "run");
  assert.deepEqual(done, { status: 0, stdout: "50 50 50 50\n", stderr: "" });
});

test("worker threads end with calls in flight", async () => {
  const said = Array(4).fill("under way").join(" ");
  const done = await program(WORKERS, silent.url, "terminate");
  assert.deepEqual(done, { status: 0, stdout: `${said}\n`, stderr: "" });
});

test("both module formats work in one process", async () => {
  const source = `
    import { createRequire } from "node:module";
    import * as esm from "@composio/core";
    import { AnthropicProvider } from "@composio/anthropic";
    const cjs = createRequire(process.cwd() + "/x.js")("@composio/core");
    for (const { Composio } of [esm, cjs]) {
      // The provider comes from the other format for one of the two.
      const composio = new Composio({ apiKey: "k", baseURL: process.argv[1], provider: new AnthropicProvider() });
      console.log((await (await composio.create("user")).tools()).length);
    }`;
  assert.deepEqual(await program(source, mock.url), { status: 0, stdout: "100\n100\n", stderr: "" });
});

const BUNDLED = `
  import { Composio } from "@composio/core";
  new Composio({ apiKey: "k", baseURL: process.argv[2] }).create("user").then(({ sessionId }) => console.log(sessionId));`;

/** A folder in which the packages are found. */
async function beside(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(path.join(ROOT, "node/tests/.build-"));
  try {
    await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

for (const format of ["esm", "cjs"] as const) {
  test(`a bundle of esbuild runs, ${format}`, () =>
    beside(async (folder) => {
      const outfile = path.join(folder, format === "esm" ? "out.mjs" : "out.cjs");
      const stdin = { contents: BUNDLED, resolveDir: folder };
      await build({ stdin, bundle: true, platform: "node", format, outfile, logLevel: "error" });
      assert.deepEqual(await node([outfile, mock.url]), { status: 0, stdout: "trs_bench\n", stderr: "" });
    }));
}

test("a bundle of Vite runs", () =>
  beside(async (folder) => {
    writeFileSync(path.join(folder, "main.js"), BUNDLED);
    await vite({
      root: folder,
      logLevel: "error",
      build: { ssr: "main.js", outDir: "out" },
      ssr: { noExternal: true },
    });
    const done = await node([path.join(folder, "out/main.js"), mock.url]);
    assert.deepEqual(done, { status: 0, stdout: "trs_bench\n", stderr: "" });
  }));

test("without the native module the error says what to install; beside a bundle it is found", () =>
  inFolder(async (folder) => {
    const core = path.join(folder, "core");
    mkdirSync(core);
    const require = createRequire(path.join(ROOT, "node/package.json"));
    const dist = path.dirname(require.resolve("@composio/core"));
    cpSync(path.join(dist, "index.js"), path.join(core, "index.mjs"));
    const main = path.join(core, "main.mjs");
    writeFileSync(main, BUNDLED.replace("@composio/core", "./index.mjs"));
    const missing = await node([main, mock.url]);
    assert.equal(missing.status, 1);
    assert.match(missing.stderr, new RegExp(`finds no native module for ${triple()}`));
    assert.match(missing.stderr, new RegExp(`install @composio-rs/core-${triple()}`));
    copyFileSync(path.join(ROOT, "node/npm", triple(), "composio.node"), path.join(core, "composio.node"));
    assert.deepEqual(await node([main, mock.url]), { status: 0, stdout: "trs_bench\n", stderr: "" });
  }));
