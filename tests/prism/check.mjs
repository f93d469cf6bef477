// Checks the vectors against the REST contract: every request against a Prism mock of it, every reply of status 2xx
// against its response schemas. What is flagged `off_contract` is left out and counted.
//
//     cargo build -p mock-backend && npm ci --prefix tests/prism && node tests/prism/check.mjs

import { execFileSync, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import Ajv from "ajv/dist/2020.js";
import addFormats from "ajv-formats";

import { freePort, untilReady } from "./processes.mjs";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const ROOT = join(HERE, "../..");
const CONTRACT = join(ROOT, "tests/contract/openapi-v3.1.json");
const VECTORS = join(ROOT, "tests/vectors");
const BATCH = 16;

const problems = [];
const contract = JSON.parse(readFileSync(CONTRACT, "utf8"));
const ajv = new Ajv({ strict: false, allErrors: false, logger: false });
addFormats(ajv);
ajv.addSchema({ ...contract, $id: "contract" });

checkFiles();
const exchanges = expandedExchanges();
const replies = checkReplies();
const requests = await checkRequests();

for (const problem of problems) console.error(problem);
console.log(`${requests} requests and ${replies} replies checked, ${problems.length} violations`);
process.exit(problems.length === 0 ? 0 : 1);

/** Each file of vectors against the format's own schema. */
function checkFiles() {
  const validate = ajv.compile(JSON.parse(readFileSync(join(VECTORS, "vector.schema.json"), "utf8")));
  const isVectors = (name) => name.endsWith(".json") && !name.endsWith(".schema.json");
  for (const file of readdirSync(VECTORS).filter(isVectors)) {
    if (!validate(JSON.parse(readFileSync(join(VECTORS, file), "utf8")))) {
      problems.push(`${file}: ${ajv.errorsText(validate.errors)}`);
    }
  }
}

/** Every exchange with its vector's name; the mock backend resolves the shared parts. */
function expandedExchanges() {
  const target = process.env.CARGO_TARGET_DIR ?? join(ROOT, "target");
  const text = execFileSync(join(target, "debug/mock-backend"), ["--expand", "--vectors", VECTORS], {
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  const vectors = JSON.parse(text.replaceAll("{{base_url}}", "http://mock.example").replaceAll("{{origin}}", "http://mock.example"));
  return Object.entries(vectors).flatMap(([name, vector]) =>
    (vector.exchange ?? []).map((exchange) => ({ name, key: vector.client.api_key ?? "ak_test", ...exchange })),
  );
}

function operation(method, path) {
  const segments = path.split("/");
  const matches = (template) => {
    const parts = template.split("/");
    return parts.length === segments.length && parts.every((part, index) => part.startsWith("{") || part === segments[index]);
  };
  const template = Object.keys(contract.paths).find(matches);
  return template && contract.paths[template][method.toLowerCase()] && { template, method: method.toLowerCase() };
}

function checkReplies() {
  let count = 0;
  for (const { name, request, response = {} } of exchanges) {
    const status = response.status ?? 200;
    if (response.off_contract || response.drop_connection || status >= 300 || request.path.startsWith("/presigned/")) continue;
    const found = operation(request.method, request.path);
    if (!found) {
      problems.push(`${name}: the contract has no ${request.method} ${request.path}`);
      continue;
    }
    const pointer = ["paths", found.template, found.method, "responses", "2XX", "content", "application/json", "schema"]
      .map((part) => encodeURIComponent(part.replaceAll("~", "~0").replaceAll("/", "~1")))
      .join("/");
    const validate = ajv.getSchema(`contract#/${pointer}`);
    if (!validate(response.body)) problems.push(`${name}: reply to ${request.method} ${request.path}: ${ajv.errorsText(validate.errors)}`);
    count += 1;
  }
  return count;
}

async function checkRequests() {
  const distinct = new Map();
  for (const { name, key, request } of exchanges) {
    if (!request.off_contract) distinct.set(JSON.stringify(request), { name, key, request });
  }
  const port = await freePort();
  const prism = spawn(process.execPath, [join(HERE, "node_modules/.bin/prism"), "mock", "--errors", "--port", port, CONTRACT], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  try {
    const origin = `http://127.0.0.1:${port}`;
    await untilReady(origin, prism);
    const pending = [...distinct.values()];
    while (pending.length > 0) {
      await Promise.all(pending.splice(0, BATCH).map((item) => checkRequest(origin, item)));
    }
  } finally {
    prism.kill();
  }
  return distinct.size;
}

async function checkRequest(origin, { name, key, request }) {
  const url = new URL(origin + request.path);
  for (const [parameter, value] of Object.entries(request.query ?? {})) {
    for (const one of [value].flat()) url.searchParams.append(parameter, one);
  }
  const body = request.body === undefined ? undefined : JSON.stringify(request.body);
  const type = body === undefined ? {} : { "content-type": "application/json" };
  const reply = await fetch(url, { method: request.method, headers: { "x-api-key": key, ...type, ...request.headers }, body });
  const text = await reply.text();
  if (!reply.ok && !onlyPrismsOwnReply(text)) problems.push(`${name}: ${request.method} ${request.path}: ${reply.status} ${text.slice(0, 600)}`);
}

/** Whether Prism complains only of the reply it made up itself: it does not know how to satisfy every pattern. */
function onlyPrismsOwnReply(text) {
  const { validation } = JSON.parse(text);
  return Array.isArray(validation) && validation.every(({ location }) => location[0] === "response");
}
