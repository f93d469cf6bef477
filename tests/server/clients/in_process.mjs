// A session of this project's npm package with the embedded router: prints where it is served over MCP as JSON, and closes at
// the end of its input.
import { Composio } from "../../../node/packages/core/dist/index.js";

const composio = new Composio({ backend: "embedded", config: { router: { data_dir: process.argv[2] } } });
const session = await composio.create("ada", { toolkits: ["time"], preload: { tools: "all" } });
const { url, headers } = session.mcp;
process.stdout.write(`${JSON.stringify({ url, headers })}\n`);
for await (const _ of process.stdin);
await composio.close();
