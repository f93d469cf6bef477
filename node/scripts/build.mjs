// Builds the native module for this machine and the packages: types by tsc, one bundle per module format by esbuild.
//
//   node scripts/build.mjs [--dev] [--no-native]
//
// --dev builds the native module without optimizations; --no-native takes the one that is there.

import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

import { build } from "esbuild";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const repository = dirname(root);
const flags = new Set(process.argv.slice(2));
for (const flag of flags) {
  if (flag !== "--dev" && flag !== "--no-native") throw new Error(`unknown flag ${flag}`);
}
const run = (command, ...args) => execFileSync(command, args, { cwd: repository, stdio: "inherit" });
// `core` first: the others' types need its.
const packages = ["core", "openai", "anthropic", "google"];

for (const name of packages) {
  const folder = join(root, "packages", name);
  rmSync(join(folder, "dist"), { recursive: true, force: true });
  run(process.execPath, join(root, "node_modules", "typescript", "bin", "tsc"), "-p", folder, "--emitDeclarationOnly");
  const shared = {
    entryPoints: [join(folder, "src", "index.ts")],
    bundle: true,
    packages: "external",
    platform: "node",
    target: "node20",
    keepNames: false,
    logLevel: "warning",
  };
  await build({ ...shared, format: "esm", outfile: join(folder, "dist", "index.js") });
  // CommonJS has no `import.meta`; the loader then goes by `__filename`.
  const define = { "import.meta.url": '""' };
  await build({ ...shared, format: "cjs", define, outfile: join(folder, "dist", "index.cjs") });
  if (name === "core") {
    const program = join(folder, "dist", "program.js");
    await build({ ...shared, entryPoints: [join(folder, "src", "program.ts")], format: "esm", outfile: program });
    chmodSync(program, 0o755);
  }
  commonJsTypes(join(folder, "dist"));
}

if (!flags.has("--no-native")) {
  const dev = flags.has("--dev");
  run("cargo", "build", "--quiet", "--locked", "-p", "composio-node", ...(dev ? [] : ["--release"]));
  const { triple } = await import(pathToFileURL(join(root, "packages", "core", "dist", "index.js")));
  const file =
    { darwin: "libcomposio_node.dylib", win32: "composio_node.dll" }[process.platform] ?? "libcomposio_node.so";
  const target = process.env.CARGO_TARGET_DIR ?? join(repository, "target");
  const module = join(root, "npm", triple(), "composio.node");
  // Writing over a module that a process has loaded would crash it.
  rmSync(module, { force: true });
  copyFileSync(join(target, dev ? "debug" : "release", file), module);
}

// A `.d.ts` of this package is one of an ES module; CommonJS needs the same as `.d.cts`.
function commonJsTypes(folder) {
  for (const name of readdirSync(folder)) {
    if (!name.endsWith(".d.ts")) continue;
    const target = join(folder, name.replace(/\.d\.ts$/, ".d.cts"));
    const text = readFileSync(join(folder, name), "utf8").replace(
      /(from |import\()?(["'])(\.\/[^"']+)\.js\2/g,
      "$1$2$3.cjs$2",
    );
    writeFileSync(target, text);
  }
}
