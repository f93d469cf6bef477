/** The native module: what `bindings/node` exports, and how it is found. */

import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { ComposioClientError } from "./errors.js";

/** The number that the queue settles a call by. */
export type CallId = number;

/** One call of a tool; `arguments` and `inputResponses` are JSON. */
export interface NativeToolCall {
  slug: string;
  arguments?: string | undefined;
  account?: string | undefined;
  inputResponses?: string | undefined;
  requestState?: string | undefined;
  problem?: string | undefined;
}

export interface NativeQueue {
  cancel(id: CallId): void;
}

export interface NativeToolSet {
  readonly [toolSet]: true;
}
declare const toolSet: unique symbol;

export interface NativeProvider {
  formatTools(tools: string): string;
  toolCalls(reply: string): string;
  formatResults(calls: string, results: string): string;
}

export interface NativeClient {
  readonly dataDir: string | null;
  create(options: string, tools: NativeToolSet): CallId;
  use(sessionId: string, tools: NativeToolSet, mcp: boolean): CallId;
  delete(sessionId: string): CallId;
  manage(call: string, id: string, options: string): CallId;
  toolkit(slug: string): CallId;
  toolkits(query: string): CallId;
  tool(slug: string): CallId;
  tools(query: string): CallId;
  waitForConnection(id: string, timeout: number | undefined): CallId;
  close(): CallId;
}

export interface NativeLocalCall {
  id: number;
  slug: string;
  arguments: string;
}

export interface NativeLocalResult {
  id: number;
  data?: string;
  error?: string;
}

export interface NativeRun {
  readonly localCalls: NativeLocalCall[];
  uploads(queue: NativeQueue): CallId | null;
  answerUploads(answers: string): void;
  remote(queue: NativeQueue): CallId | null;
  finish(outcomes: NativeLocalResult[]): string[];
}

export interface NativeSession {
  readonly id: string;
  readonly userId: string;
  readonly config: string;
  readonly configVersion: number;
  readonly warnings: string;
  readonly preload: string | null;
  readonly mcp: { type: "http" | "sse"; url: string; headers: Record<string, string> };
  readonly mcpWarning: string | null;
  readonly assistivePrompt: string | null;
  tools(queue: NativeQueue): CallId;
  wrappedTools(queue: NativeQueue, provider: NativeProvider): CallId;
  schemaReport(queue: NativeQueue, provider: NativeProvider): CallId;
  execute(queue: NativeQueue, call: NativeToolCall): CallId | null;
  run(calls: NativeToolCall[], toolCall: boolean): NativeRun;
  executeMeta(queue: NativeQueue, call: NativeToolCall): CallId;
  proxyExecute(queue: NativeQueue, options: string): CallId;
  search(queue: NativeQueue, query: string, model: string | undefined): CallId;
  toolkits(queue: NativeQueue, options: string): CallId;
  authorize(queue: NativeQueue, options: string): CallId;
  update(queue: NativeQueue, options: string): CallId;
  configHistory(queue: NativeQueue, options: string): CallId;
  delete(queue: NativeQueue): CallId;
  listFiles(queue: NativeQueue, mountId: string, options: string): CallId;
  uploadFile(
    queue: NativeQueue,
    mountId: string,
    source: Uint8Array | string,
    remotePath: string | undefined,
    mimetype: string | undefined,
  ): CallId;
  downloadFile(queue: NativeQueue, mountId: string, path: string): CallId;
  deleteFile(queue: NativeQueue, mountId: string, path: string): CallId;
  fileContent(queue: NativeQueue, downloadUrl: string): CallId;
  saveFile(queue: NativeQueue, downloadUrl: string, mountPath: string, to: string | undefined): CallId;
  customTools(toolkit: string | undefined): string;
  customToolkits(): string;
}

/** Number of the call, form and value, three items a call. */
export type Batch = unknown[];

export interface Native {
  Queue: new (settle: (batch: Batch) => void) => NativeQueue;
  Client: new (queue: NativeQueue, options: string, apiKey: string | undefined) => NativeClient;
  Provider: new (name: string) => NativeProvider;
  ToolSet: new (tools: string, toolkits: string) => NativeToolSet;
  defineTool(draft: string): string;
  errorKinds(): string[];
  runProgram(args: string[]): number;
}

// A bundle may be CommonJS, where `import.meta.url` is empty.
export const here: string =
  import.meta.url || (typeof __filename === "string" ? __filename : join(process.cwd(), "index.js"));

let loaded: Native | undefined;

/** The native module, loaded with the first use. */
export function native(): Native {
  return (loaded ??= load());
}

/** The name of this platform's binary package, `@composio-rs/core-<triple>`, such as `linux-x64-gnu`. */
export function triple(): string {
  const { platform, arch } = process;
  if (platform === "win32") return `win32-${arch}-msvc`;
  return platform === "linux" ? `linux-${arch}-${usesGlibc() ? "gnu" : "musl"}` : `${platform}-${arch}`;
}

function usesGlibc(): boolean {
  const { header } = process.report.getReport() as { header?: { glibcVersionRuntime?: string } };
  return header?.glibcVersionRuntime !== undefined;
}

function load(): Native {
  const require = createRequire(here);
  const reasons: string[] = [];
  const attempt = (load: () => unknown): Native | undefined => {
    try {
      return load() as Native;
    } catch (error) {
      reasons.push(String(error).split("\n", 1)[0] ?? "");
      return undefined;
    }
  };
  // To ask which C library there is takes longer than to try.
  const names = process.platform === "linux" ? [`linux-${process.arch}-gnu`, `linux-${process.arch}-musl`] : [triple()];
  for (const name of names) {
    const found =
      attempt(() => require(`@composio-rs/core-${name}`)) ??
      // From a bundle this package's own dependencies are not in sight.
      attempt(() => createRequire(require.resolve(PACKAGE))(`@composio-rs/core-${name}`)) ??
      attempt(() => require(join(dirname(require.resolve(PACKAGE)), "..", "..", "npm", name, "composio.node")));
    if (found !== undefined) return found;
  }
  const beside = attempt(() =>
    require(join(dirname(here.startsWith("file:") ? fileURLToPath(here) : here), "composio.node")),
  );
  if (beside !== undefined) return beside;
  const name = triple();
  throw new ComposioClientError(
    `@composio/core finds no native module for ${name}:\n${[...new Set(reasons)].join("\n")}`,
    {
      suggestedFix:
        `install @composio-rs/core-${name}, which package managers skip where optional dependencies are left out, ` +
        "or put its composio.node beside your bundle",
    },
  );
}

const PACKAGE = "@composio/core/package.json";
