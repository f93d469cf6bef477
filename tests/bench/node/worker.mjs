// One measurement in one process, of this package, of its peer, or of fetch alone. Both packages have the same API.
//
// worker.mjs WHAT BASE_URL COUNT LIBRARY      LIBRARY is "ours" or a folder where the peer is installed; prints one number

import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const [what, baseURL, countText, library] = process.argv.slice(2);
const count = Number(countText);
const SLUG = "GITHUB_CREATE_ISSUE";
const ARGUMENTS = { title: "It is broken", labels: ["bug"] };
const AT_ONCE = 32;

const folder = library === "ours" ? fileURLToPath(new URL("../../../node", import.meta.url)) : library;
// The peer has an ES module only, and `resolve` finds that; ours is the one beside the CommonJS file that it finds.
const entry = pathToFileURL(createRequire(path.join(folder, "package.json")).resolve("@composio/core")).href.replace(
  /\.cjs$/,
  ".js",
);

async function session() {
  const { Composio } = await import(entry);
  return new Composio({ apiKey: "k", baseURL, allowTracking: false }).create("bench");
}

/** Microseconds a call, one after another: the median. */
async function median(call) {
  for (let i = 0; i < Math.max(count / 10, 3); i++) await call();
  const times = [];
  for (let i = 0; i < count; i++) {
    const start = performance.now();
    await call();
    times.push(performance.now() - start);
  }
  return times.sort((a, b) => a - b)[Math.floor(count / 2)] * 1000;
}

/** Calls a second, 32 at once. */
async function throughput(call) {
  const lane = async (calls) => {
    for (let i = 0; i < calls; i++) await call();
  };
  const lanes = (calls) => Promise.all(Array.from({ length: AT_ONCE }, () => lane(calls)));
  await lanes(5);
  const start = performance.now();
  await lanes(count / AT_ONCE);
  return count / ((performance.now() - start) / 1000);
}

const measurements = {
  /** Milliseconds. */
  async import() {
    const start = performance.now();
    await import(entry);
    return performance.now() - start;
  },
  async execute() {
    const bound = await session();
    return median(() => bound.execute(SLUG, ARGUMENTS));
  },
  async execute_fetch() {
    const url = `${baseURL}/api/v3.1/tool_router/session/trs_bench/execute`;
    const headers = { "content-type": "application/json", "x-api-key": "k" };
    const body = JSON.stringify({ tool_slug: SLUG, arguments: ARGUMENTS });
    return median(async () => {
      const reply = await (await fetch(url, { method: "POST", headers, body })).json();
      if (reply.result_type !== "completed") throw new Error("the answer is another one");
    });
  },
  async parallel() {
    const bound = await session();
    return throughput(() => bound.execute(SLUG, ARGUMENTS));
  },
  async tools() {
    const bound = await session();
    const listed = await bound.tools();
    if (listed.length !== 100) throw new Error(`${listed.length} tools`);
    return median(() => bound.tools());
  },
};

const result = await measurements[what]();
console.log(result);
process.exit(0);
