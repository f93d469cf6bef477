/** The native module: what `bindings/node` exports, and how it is found. */

import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

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
  connectedAccount(id: string): CallId;
  connectedAccounts(query: string): CallId;
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
  remote(queue: NativeQueue): CallId | null;
  finish(outcomes: NativeLocalResult[]): string[];
}

export interface NativeSession {
  readonly id: string;
  readonly userId: string;
  readonly config: string;
  readonly configVersion: number;
  readonly preload: string | null;
  readonly mcp: { type: "http" | "sse"; url: string; headers: Record<string, string> };
  readonly mcpWarning: string | null;
  readonly assistivePrompt: string | null;
  tools(queue: NativeQueue): CallId;
  wrappedTools(queue: NativeQueue, provider: NativeProvider): CallId;
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
}

// A bundle may be CommonJS, where `import.meta.url` is empty.
export const here: string = import.meta.url || (typeof __filename === "string" ? __filename : join(process.cwd(), "index.js"));

let loaded: Native | undefined;

/** The native module, loaded with the first use. */
export function native(): Native {
  return (loaded ??= load(triple()));
}

/**
 * The name of this platform's binary package, `@composio/core-<triple>`.
 *
 * @example
 * triple("linux", "x64", false) === "linux-x64-gnu"
 */
export function triple(
  platform: string = process.platform,
  arch: string = process.arch,
  musl: boolean = platform === "linux" && isMusl(),
): string {
  if (platform === "linux") return `linux-${arch}-${musl ? "musl" : "gnu"}`;
  return platform === "win32" ? `win32-${arch}-msvc` : `${platform}-${arch}`;
}

function isMusl(): boolean {
  const report = process.report as { excludeNetwork?: boolean; getReport(): object };
  // Without this the report may ask the network for the names of open connections.
  const before = report.excludeNetwork;
  report.excludeNetwork = true;
  try {
    const { header } = report.getReport() as { header?: { glibcVersionRuntime?: string } };
    return header?.glibcVersionRuntime === undefined;
  } finally {
    if (before !== undefined) report.excludeNetwork = before;
  }
}

function load(name: string): Native {
  const require = createRequire(here);
  const folder = dirname(here.startsWith("file:") ? fileURLToPath(here) : here);
  const candidates: [string, () => unknown][] = [
    [`@composio/core-${name}`, () => require(`@composio/core-${name}`)],
    // In a bundle: from where the package itself is installed.
    [
      `@composio/core-${name} beside @composio/core`,
      () => createRequire(require.resolve("@composio/core/package.json"))(`@composio/core-${name}`),
    ],
    // A checkout of the repository.
    [`npm/${name}/composio.node`, () => require(join(folder, "..", "..", "..", "npm", name, "composio.node"))],
  ];
  const reasons: string[] = [];
  for (const [what, attempt] of candidates) {
    try {
      return attempt() as Native;
    } catch (error) {
      reasons.push(`${what}: ${error instanceof Error ? error.message.split("\n", 1)[0] : String(error)}`);
    }
  }
  throw new Error(
    `@composio/core has no native module for ${name}. Install the package @composio/core-${name}; ` +
      `package managers skip it where optional dependencies are left out.\n${reasons.join("\n")}`,
  );
}
