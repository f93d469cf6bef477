// The vendor's unchanged npm package against `composio serve`, which COMPOSIO_BASE_URL and COMPOSIO_API_KEY name.
//
//     python tests/server/serving.py path/to/composio node tests/server/vendor.mjs FOLDER     FOLDER has the package
//
// As in vendor.py, files go to and fro without the package: it refuses any address of this machine.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";

const { resolve } = createRequire(path.resolve(process.argv[2], "package.json"));
const load = (name) => import(pathToFileURL(resolve(name)).href);
const { Composio, experimental_createTool: createTool } = await load("@composio/core");
const { z } = await load("zod");

const composio = new Composio({ allowTracking: false });

/** Checks that a call is refused with a status, however the package wraps that. */
async function refused(status, call) {
  const error = await call().then(
    () => assert.fail(`the call went through; it was to be refused with ${status}`),
    (error) => error,
  );
  for (let cause = error; cause !== undefined; cause = cause.cause) {
    if ((cause.status ?? cause.statusCode) === status) return;
  }
  throw error;
}

const names = (tools) => tools.map((tool) => tool.function.name);

const checks = {
  async options() {
    const session = await composio.create("ada", {
      toolkits: ["time", "files", "sqlite"],
      tools: { files: { disable: ["FILES_DELETE"] }, sqlite: ["SQLITE_QUERY"], time: { tags: ["readOnlyHint"] } },
      tags: { disable: ["openWorldHint"] },
      manageConnections: { enable: false, callbackUrl: "https://app.example/done" },
      authConfigs: { time: "ac_1" },
      connectedAccounts: { time: "ca_1" },
      sandbox: { enable: false },
      multiAccount: { enable: true, maxAccountsPerToolkit: 3 },
      preload: { tools: ["TIME_NOW"] },
      experimental: { assistivePrompt: { userTimezone: "Europe/Berlin" } },
    });
    const listed = names(await session.tools());
    assert.ok(listed.includes("TIME_NOW") && listed.includes("COMPOSIO_SEARCH_TOOLS"), listed.join());
    const slugs = (await session.toolkits()).items.map(({ slug }) => slug);
    assert.deepEqual(slugs.sort(), ["files", "sqlite", "time"]);
    assert.ok(session.experimental.assistivePrompt);
    const direct = await composio.create("ada", { toolkits: ["time"], sessionPreset: "direct_tools" });
    assert.ok(!names(await direct.tools()).includes("COMPOSIO_SEARCH_TOOLS"));
  },

  async calls() {
    const session = await composio.create("ada");
    const found = await session.search({ query: "what time is it in Tokyo" });
    assert.ok(found.results[0].primaryToolSlugs.includes("TIME_NOW"));
    const done = await session.execute("TIME_NOW", { timezone: "Asia/Tokyo" });
    assert.equal(done.error, null);
    assert.equal(done.data.timezone, "Asia/Tokyo");
    assert.ok((await session.execute("TIME_NOW", { timezone: "Mars" })).error);
    const both = await session.execute("COMPOSIO_MULTI_EXECUTE_TOOL", {
      tools: [
        { tool_slug: "FILES_WRITE", arguments: { path: "a.txt", content: "one" } },
        { tool_slug: "TIME_NOW", arguments: {} },
      ],
    });
    assert.deepEqual(
      both.data.results.map(({ response }) => response.successful),
      [true, true],
    );
    assert.equal((await composio.use(session.sessionId)).sessionId, session.sessionId);
    await refused(404, () => composio.use("trs_0000"));
    await refused(404, () => session.execute("TIME_NOPE", {}));
  },

  async customTools() {
    const orderStatus = createTool("ORDER_STATUS", {
      name: "Order status",
      description: "Says where an order of the shop is.",
      inputParams: z.object({ order_id: z.number().int() }),
      execute: async ({ order_id }, { userId }) => ({ order_id, user: userId }),
    });
    const session = await composio.create("bob", { experimental: { customTools: [orderStatus] } });
    const { data } = await session.execute("ORDER_STATUS", { order_id: 7 });
    assert.deepEqual(data, { order_id: 7, user: "bob" });
    const found = await session.search({ query: "where is an order of the shop" });
    assert.ok(found.results[0].primaryToolSlugs.includes("LOCAL_ORDER_STATUS"));
  },

  async changes() {
    const session = await composio.create("ada");
    await session.update({ toolkits: ["time"] });
    assert.deepEqual(
      (await session.toolkits()).items.map(({ slug }) => slug),
      ["time"],
    );
    assert.equal((await session.delete()).deleted, true);
    await refused(404, () => composio.use(session.sessionId));
  },

  async files() {
    const session = await composio.create("carol");
    assert.equal((await session.execute("FILES_WRITE", { path: "notes/a.txt", content: "hello" })).error, null);
    const { files } = session.experimental;
    assert.deepEqual(
      (await files.list()).items.map(({ mountRelativePath }) => mountRelativePath),
      ["notes/a.txt"],
    );
    const { downloadUrl } = await files.download("notes/a.txt");
    assert.equal(await (await fetch(downloadUrl)).text(), "hello");
    await files.delete("notes/a.txt");
    assert.deepEqual((await files.list()).items, []);
  },

  async accounts() {
    const { connectedAccounts: accounts, authConfigs } = composio;
    const [config] = (await authConfigs.list({ toolkit: "keyed" })).items;
    assert.equal(config.authScheme, "API_KEY");
    const key = { authScheme: "API_KEY", val: { status: "ACTIVE", api_key: "key-of-bob" } };
    const made = await accounts.initiate("bob", config.id, { config: key });
    assert.equal((await accounts.waitForConnection(made.id, 10_000)).status, "ACTIVE");
    const waiting = await accounts.link("bob", config.id, { allowMultiple: true });
    assert.ok((await (await fetch(waiting.redirectUrl)).text()).includes("Connect"));
    const listed = (await accounts.list({ userIds: ["bob"] })).items.map(({ id }) => id);
    assert.deepEqual(new Set(listed), new Set([made.id, waiting.id]));
    await accounts.disable(made.id);
    assert.equal((await accounts.get(made.id)).status, "INACTIVE");
    await accounts.enable(made.id);
    assert.equal((await accounts.get(made.id)).status, "ACTIVE");
    for (const { id } of [made, waiting]) await accounts.delete(id);
    await refused(404, () => accounts.get(made.id));
  },
};

for (const [name, check] of Object.entries(checks)) {
  await check();
  console.log(`${name}: ok`);
}
const stranger = new Composio({ apiKey: "ck_0000_0000", allowTracking: false });
await refused(401, () => stranger.create("ada"));
console.log("The vendor's npm package works against the server.");
