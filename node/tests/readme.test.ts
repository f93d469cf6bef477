// Every TypeScript program in the documentation compiles in strict mode and runs as it is written.

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { after, test } from "node:test";

import { build } from "esbuild";

import { ROOT } from "./support.js";

const SEED = `// The shortest program of the vendor's own documentation.
import { Composio } from "@composio/core";

const composio = new Composio();
const session = await composio.create("user_123");
const tools = await session.tools();
`;

const page = (name: string) => readFileSync(path.join(ROOT, name), "utf8");
const programs = ["README.md", "node/packages/core/README.md"].flatMap((name) =>
  [...page(name).matchAll(/^```(?:typescript|ts)\n(.*?)^```$/gms)].map(([, program = ""]) => program),
);

// Within `node`, so that the programs find the packages.
const folder = mkdtempSync(path.join(ROOT, "node/tests/.build-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const everything = [SEED, ...programs];
for (const [index, program] of everything.entries()) writeFileSync(path.join(folder, `${index}.mts`), program);

async function run(index: number): Promise<string> {
  const outfile = path.join(folder, `${index}.mjs`);
  await build({ entryPoints: [path.join(folder, `${index}.mts`)], outfile, format: "esm", logLevel: "warning" });
  const home = path.join(folder, `home-${index}`);
  mkdirSync(home);
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith("COMPOSIO_"));
  const env = { ...Object.fromEntries(own), HOME: home, XDG_DATA_HOME: path.join(home, "data") };
  const done = spawnSync(process.execPath, [outfile], { cwd: home, env, encoding: "utf8", timeout: 60_000 });
  assert.deepEqual({ status: done.status, stderr: done.stderr }, { status: 0, stderr: "" });
  return done.stdout;
}

test("the programs compile", () => {
  const config = {
    extends: path.join(ROOT, "node/tsconfig.base.json"),
    compilerOptions: { noEmit: true, types: ["node"] },
    include: ["*.mts"],
  };
  writeFileSync(path.join(folder, "tsconfig.json"), JSON.stringify(config));
  const compiler = path.join(ROOT, "node/node_modules/typescript/bin/tsc");
  execFileSync(process.execPath, [compiler, "-p", folder], { stdio: ["ignore", "inherit", "inherit"] });
});

for (const index of everything.keys()) {
  test(index === 0 ? "the seed runs" : `program ${index} runs`, async () => {
    const output = await run(index);
    // The first one of the README says the time.
    if (index === 1) assert.match(output, /TIME_NOW[\s\S]*Asia\/Tokyo[\s\S]* null\n/);
  });
}

test("there are programs", () => assert.ok(programs.length >= 3));
