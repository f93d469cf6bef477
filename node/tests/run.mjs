// Bundles the tests, which are TypeScript, and runs them with Node's own runner.
//
//   node tests/run.mjs [NAME …]      NAME without `.test.ts`; all of them by default

import { execFileSync, spawnSync } from "node:child_process";
import { readdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

const folder = dirname(fileURLToPath(import.meta.url));
const names = process.argv.slice(2);
const all = readdirSync(folder).filter((name) => name.endsWith(".test.ts"));
const chosen = names.length === 0 ? all : names.map((name) => `${name}.test.ts`);

execFileSync(process.execPath, [join(folder, "../node_modules/typescript/bin/tsc"), "-p", folder], {
  stdio: "inherit",
});
const outdir = join(folder, ".build");
rmSync(outdir, { recursive: true, force: true });
await build({
  entryPoints: chosen.map((name) => join(folder, name)),
  outdir,
  outExtension: { ".js": ".mjs" },
  bundle: true,
  packages: "external",
  platform: "node",
  target: "node20",
  format: "esm",
  sourcemap: "inline",
  // The tests find the repository from here, whatever folder they are bundled into.
  define: { TESTS: JSON.stringify(folder) },
});
const files = chosen.map((name) => join(outdir, name.replace(/\.ts$/, ".mjs")));
const done = spawnSync(process.execPath, ["--expose-gc", "--enable-source-maps", "--test", ...files], {
  stdio: "inherit",
});
process.exit(done.status ?? 1);
