// The mock backend, folders, and the vectors' names in camelCase and back.

import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";

import { decode, encode } from "../packages/core/src/json.js";

declare const TESTS: string;
export const ROOT = path.resolve(TESTS, "../..");
const TARGET = process.env["CARGO_TARGET_DIR"] ?? path.join(ROOT, "target");

export type Fields = Record<string, unknown>;

/** A running mock backend. */
export class Mock {
  private constructor(
    private readonly process: ChildProcess,
    readonly url: string,
  ) {}

  static async start(): Promise<Mock> {
    const binary = path.join(TARGET, "debug", "mock-backend");
    const child = spawn(binary, ["--vectors", path.join(ROOT, "tests/vectors"), "--bench"], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    for await (const line of createInterface({ input: child.stdout })) return new Mock(child, `http://${line.trim()}`);
    throw new Error("the mock backend ended; build it with `cargo build -p mock-backend`");
  }

  /** Calls one of the mock's own endpoints. Numbers keep their digits. */
  async control(name: string, body?: unknown): Promise<Fields> {
    const init = body === undefined ? {} : { method: "POST", body: encode("body", body) };
    const reply = await fetch(`${this.url}/__mock/${name}`, init);
    return decode(await reply.text()) as Fields;
  }

  stop(): void {
    this.process.stdin?.end();
  }
}

/** A folder that is gone afterwards. */
export async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(path.join(tmpdir(), "composio-node-"));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Values that belong to users and tools, by the names of their fields. */
const OWN = new Set(
  "arguments auth_configs body connected_accounts data details headers input_parameters input_schema output_parameters output_schema input_responses content parameters input_requests reply params state val".split(
    " ",
  ),
);
const BY_SLUG = new Set(["tools", "tool_schemas", "overrides"]);

function renamed(value: unknown, name: (key: string) => string, wire: (key: string) => string): unknown {
  if (Array.isArray(value)) return value.map((item) => renamed(item, name, wire));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]: [string, unknown]) => {
      if (OWN.has(wire(key))) return [name(key), item];
      if (BY_SLUG.has(wire(key)) && typeof item === "object" && item !== null && !Array.isArray(item)) {
        const entries = Object.entries(item).map(([slug, entry]) => [slug, renamed(entry, name, wire)]);
        return [name(key), Object.fromEntries(entries)];
      }
      return [name(key), renamed(item, name, wire)];
    }),
  );
}

/** `user_id` as `userId`, but not within what users and tools own. */
export function camel<T>(value: unknown): T {
  const name = (key: string) => key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
  return renamed(value, name, (key) => key) as T;
}

/** `userId` as `user_id`. */
export function snake(value: unknown): unknown {
  const name = (key: string) => key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return renamed(value, name, name);
}
