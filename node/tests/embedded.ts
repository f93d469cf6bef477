// The embedded router with a folder of its own, and the MCP servers that tests/mcp-servers/install.sh installs.

import { existsSync } from "node:fs";
import path from "node:path";

import { ROOT, type Fields } from "./support.js";

const SERVERS = process.env["MCP_SERVERS"] ?? path.join(ROOT, ".mcp-servers");

export function everything(): Fields {
  const script = path.join(SERVERS, "node_modules/@modelcontextprotocol/server-everything/dist/index.js");
  if (!existsSync(script)) throw new Error(`${script} is missing: run tests/mcp-servers/install.sh first`);
  return { slug: "everything", command: process.execPath, args: [script, "stdio"] };
}

export function config(folder: string, ...mcp: Fields[]): Fields {
  return { router: { dataDir: folder, workspace: path.join(folder, "work") }, mcp };
}
