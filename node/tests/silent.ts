// A server that takes requests and never answers, and programs in processes of their own.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";
import path from "node:path";
import { text } from "node:stream/consumers";

import { ROOT } from "./support.js";

export class Silent {
  readonly #server = createServer();

  static async start(): Promise<Silent> {
    const silent = new Silent();
    silent.#server.listen(0, "127.0.0.1");
    await once(silent.#server, "listening");
    return silent;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The next connection, once its request has begun to come in. */
  async take(): Promise<Socket> {
    const [socket] = (await once(this.#server, "connection")) as [Socket];
    socket.on("error", () => socket.destroy());
    await once(socket, "data");
    return socket;
  }

  stop(): void {
    this.#server.close();
  }
}

/** When the client has closed the connection. */
export async function ended(socket: Socket): Promise<void> {
  if (!socket.destroyed) await once(socket.resume(), "close");
}

export interface Ended {
  status: number | null;
  stdout: string;
  stderr: string;
}

/** Starts Node in the folder that has the packages; `kill` ends it where it hangs. */
export async function node(args: string[], env: Record<string, string> = {}): Promise<Ended> {
  const child = spawn(process.execPath, args, {
    cwd: path.join(ROOT, "node"),
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 30_000,
  });
  const [stdout, stderr, [status]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "close") as Promise<[number | null]>,
  ]);
  return { status, stdout, stderr };
}

/** Runs a program, an ES module. */
export function program(source: string, ...args: string[]): Promise<Ended> {
  return node(["--input-type=module", "-e", source, ...args]);
}
