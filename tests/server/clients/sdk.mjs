// The package `@modelcontextprotocol/sdk` lists a session's tools and calls one. MCP_URL and MCP_HEADERS say where, the first
// argument in which folder the package is.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const { resolve } = createRequire(join(process.argv[2], "package.json"));
const load = (name) => import(pathToFileURL(resolve(`@modelcontextprotocol/sdk/${name}`)));
const { Client } = await load("client/index.js");
const { StreamableHTTPClientTransport } = await load("client/streamableHttp.js");

const client = new Client({ name: "test", version: "1" });
const headers = JSON.parse(process.env.MCP_HEADERS);
await client.connect(new StreamableHTTPClientTransport(new URL(process.env.MCP_URL), { requestInit: { headers } }));
const { tools } = await client.listTools();
assert(tools.some((tool) => tool.name === "TIME_NOW"));
const result = await client.callTool({ name: "TIME_NOW", arguments: { timezone: "Asia/Tokyo" } });
assert.equal(result.structuredContent.timezone, "Asia/Tokyo");
await client.close();
