// A session at work on the embedded router: no key, no account, no network.
//
//   demo.mjs [--servers FOLDER]      FOLDER holds the MCP servers; without them the built-ins alone are shown

import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";

import { Composio, experimental_createTool } from "@composio/core";
import OpenAI from "openai";
import { z } from "zod";

import { serve } from "./model.mjs";

const colour = process.stdout.isTTY && process.env.NO_COLOR === undefined;
const paint = (code, text) => (colour ? `\u001b[${code}m${text}\u001b[0m` : text);
const say = (text) => console.log(text.replace(/^/gm, "   "));

let number = 0;

/** Says what happens, then how long it took. */
async function step(title, work) {
  console.log(`\n${paint("1", `${++number}. ${title}`)}`);
  const start = performance.now();
  const result = await work();
  console.log(paint("2", `   took ${(performance.now() - start).toFixed(1)} ms`));
  return result;
}

function show({ data, error }) {
  if (error !== null) throw new Error(error);
  const text = JSON.stringify(data);
  say(text.length <= 500 ? text : `${text.slice(0, 500)} …`);
}

/** The configuration of the real MCP servers, of those that are installed. */
function mcpServers(servers, workspace) {
  if (servers === undefined) return [];
  const python = path.join(servers, "python/bin/python");
  const script = (name) => path.join(servers, `node_modules/@modelcontextprotocol/server-${name}/dist/index.js`);
  const node = (slug, ...args) => ({
    slug,
    needs: script(slug),
    command: process.execPath,
    args: [script(slug), ...args],
  });
  return [
    { slug: "clock", needs: python, command: python, args: ["-m", "mcp_server_time"] },
    node("filesystem", workspace),
    node("everything", "stdio"),
  ]
    .filter(({ needs }) => existsSync(needs))
    .map(({ slug, command, args }) => ({ slug, command, args }));
}

const ORDERS = [
  { number: 1, lamps: 3 },
  { number: 3, lamps: 2 },
];

const countLamps = experimental_createTool("COUNT_LAMPS", {
  name: "Count lamps",
  description: "Counts the lamps that a customer of the shop has ordered.",
  inputParams: z.object({ customer: z.string().describe("The customer's name.") }),
  execute: ({ customer }) => ({ customer, lamps: ORDERS.reduce((sum, { lamps }) => sum + lamps, 0) }),
});

async function run(root, servers) {
  const workspace = path.join(root, "workspace");
  mkdirSync(workspace);
  const mcp = mcpServers(servers, workspace);
  console.log(paint("1", "composio on the embedded router: no key, no account, no network"));
  say(
    `built-in toolkits, and ${mcp.length} MCP servers: ${mcp.map(({ slug }) => slug).join(", ") || "none installed"}`,
  );

  const config = { router: { dataDir: path.join(root, "data"), workspace }, mcp };
  const composio = new Composio({ backend: "embedded", config });
  try {
    await play(composio, mcp, workspace);
  } finally {
    await composio.close();
  }
  console.log(paint("1;32", "\nDone: all of it ran on this machine."));
}

async function play(composio, mcp, workspace) {
  const session = await step("Create a session for the user ada, with a function of our own as a tool", async () => {
    const made = await composio.create("ada", { experimental: { customTools: [countLamps] } });
    say(`session ${made.sessionId}`);
    return made;
  });

  await step("List its toolkits", async () => {
    for (const { slug, name } of (await session.toolkits()).items) say(`${slug.padEnd(12)} ${name}`);
  });

  for (const query of ["what time is it in Tokyo", "query the database with SQL", "count the lamps of a customer"]) {
    await step(`Search: “${query}”`, async () => {
      const { results } = await session.search({ query });
      say(`found ${results[0].primaryToolSlugs.slice(0, 4).join(", ")}`);
    });
  }

  await step("Write a file and read it back: FILES_WRITE, FILES_READ", async () => {
    const note = "notes/today.md";
    show(await session.execute("FILES_WRITE", { path: note, content: "Three lamps for Ada.\n" }));
    show(await session.execute("FILES_READ", { path: note }));
    say(`on disk: ${readFileSync(path.join(workspace, note), "utf8").trim()}`);
  });

  await step("Keep a real database: SQLITE_EXECUTE, SQLITE_QUERY", async () => {
    const sql = "CREATE TABLE orders (number INTEGER PRIMARY KEY, lamps INTEGER)";
    show(await session.execute("SQLITE_EXECUTE", { sql }));
    for (const { number, lamps } of ORDERS) {
      const insert = { sql: "INSERT INTO orders VALUES (?, ?)", parameters: [number, lamps] };
      show(await session.execute("SQLITE_EXECUTE", insert));
    }
    show(await session.execute("SQLITE_QUERY", { sql: "SELECT sum(lamps) AS lamps FROM orders" }));
  });

  const batch = [
    { tool_slug: "TIME_NOW", arguments: { timezone: "Asia/Tokyo" } },
    { tool_slug: "LOCAL_COUNT_LAMPS", arguments: { customer: "Ada" } },
    { tool_slug: "SQLITE_QUERY", arguments: { sql: "SELECT * FROM orders" } },
  ];
  const optional = {
    filesystem: { tool_slug: "FILESYSTEM_LIST_DIRECTORY", arguments: { path: workspace } },
    everything: { tool_slug: "EVERYTHING_ECHO", arguments: { message: "hello from Node" } },
  };
  batch.push(...mcp.flatMap(({ slug }) => optional[slug] ?? []));

  const tools = await step("Hand the tools to an AI framework: as OpenAI sees them", async () => {
    const listed = await session.tools();
    for (const { function: tool } of listed) {
      say(`${tool.name.padEnd(32)} ${tool.description.split("\n", 1)[0].slice(0, 80)}`);
    }
    return listed;
  });

  await step(
    `Let a model drive: the real openai client, a scripted model, ${batch.length} tools in one multi execute`,
    () => drive(session, tools, [["COMPOSIO_MULTI_EXECUTE_TOOL", { tools: batch }]]),
  );

  await step("Refuse bad input, and say what is wrong", async () => {
    const { resultType, error } = await session.execute("TIME_NOW", { timezone: "Mars/Olympus" });
    say(`${resultType}: ${error}`);
    const refused = await session.execute("TIME_NWO").catch((thrown) => thrown);
    say(String(refused));
  });
}

async function drive(session, tools, calls) {
  const endpoint = await serve(calls);
  try {
    const client = new OpenAI({ apiKey: "none", baseURL: endpoint.url });
    const messages = [{ role: "user", content: "How are the orders?" }];
    const completion = await client.chat.completions.create({ model: "scripted", messages, tools });
    const results = await session.handleToolCalls(completion);
    for (const { content } of results) {
      for (const { tool_slug, error, response } of JSON.parse(content).data.results) {
        if (error) throw new Error(`${tool_slug}: ${error}`);
        say(`${tool_slug.padEnd(28)} ${JSON.stringify(response.data).slice(0, 110)}`);
      }
    }
    messages.push(completion.choices[0].message, ...results);
    const answer = await client.chat.completions.create({ model: "scripted", messages, tools });
    say(`the model says: ${answer.choices[0].message.content}`);
  } finally {
    endpoint.stop();
  }
}

const { values } = parseArgs({ options: { servers: { type: "string" } } });
const servers = values.servers !== undefined && existsSync(values.servers) ? values.servers : undefined;
const folder = mkdtempSync(path.join(tmpdir(), "composio-demo-"));
try {
  await run(folder, servers);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
