/** Connected accounts, toolkits and tools of the backend, outside of a session. */

import { call, type RequestOptions } from "./calls.js";
import { camelize, snakify } from "./case.js";
import { encode, text } from "./json.js";
import type { ConnectedAccount, JsonObject, Page, Tool, Toolkit } from "./models.js";
import type { NativeClient } from "./native.js";
import type { PageQuery } from "./types.js";

const inspect = Symbol.for("nodejs.util.inspect.custom");

/** Keeps what may hold credentials out of logs; the object itself is whole. */
export function hidden<T extends object>(value: T, visible: (value: T) => object): T {
  return Object.defineProperty(value, inspect, { value: () => visible(value), enumerable: false });
}

function account(reply: unknown): ConnectedAccount {
  return hidden(camelize(reply) as ConnectedAccount, ({ id, status }) => ({ id, status }));
}

/** Waits for a connected account; see {@link ConnectionRequest.waitForConnection}. */
async function wait(
  client: NativeClient,
  id: string,
  timeoutMs: number | undefined,
  options: RequestOptions | undefined,
): Promise<ConnectedAccount> {
  return account(await call(() => client.waitForConnection(text("id", id), timeoutMs), options));
}

/** An account that waits for its user to connect it at `redirectUrl`. */
export class ConnectionRequest {
  /** The connected account's id. */
  readonly id: string;
  /** `INITIATED`. */
  readonly status: string;
  /** Where the user goes. */
  readonly redirectUrl: string | null;
  readonly #client: NativeClient;

  /** @internal */
  constructor(reply: { id: string; status: string; redirectUrl: string | null }, client: NativeClient) {
    this.id = reply.id;
    this.status = reply.status;
    this.redirectUrl = reply.redirectUrl;
    this.#client = client;
  }

  /**
   * Waits until the account is active, by default for 60,000 ms.
   *
   * @throws ConnectedAccountError The account ended as failed, expired, inactive or revoked.
   * @throws ComposioSDKTimeoutError The time is over; the message names the account.
   */
  async waitForConnection(timeoutMs?: number, options?: RequestOptions): Promise<ConnectedAccount> {
    return wait(this.#client, this.id, timeoutMs, options);
  }
}

/** The project's connected accounts. */
export class ConnectedAccounts {
  readonly #client: NativeClient;

  /** @internal */
  constructor(client: NativeClient) {
    this.#client = client;
  }

  /** One connected account. */
  async get(id: string, options?: RequestOptions): Promise<ConnectedAccount> {
    return account(await call(() => this.#client.connectedAccount(text("id", id)), options));
  }

  /** A page of connected accounts; the query has the API's parameters, such as `userIds`, `statuses`, `limit`. */
  async list(query: PageQuery & JsonObject = {}, options?: RequestOptions): Promise<Page<ConnectedAccount>> {
    const wire = encode("query", snakify(query));
    const page = await call<{ items: unknown[] }>(() => this.#client.connectedAccounts(wire), options);
    const { items, ...rest } = page;
    return { ...(camelize(rest) as Omit<Page<ConnectedAccount>, "items">), items: items.map(account) };
  }

  /** Waits until an account is active; see {@link ConnectionRequest.waitForConnection}. */
  async waitForConnection(id: string, timeoutMs?: number, options?: RequestOptions): Promise<ConnectedAccount> {
    return wait(this.#client, id, timeoutMs, options);
  }
}

/** Which toolkits of the catalogue. */
export interface CatalogueQuery extends PageQuery {
  category?: string | undefined;
  sortBy?: string | undefined;
  managedBy?: string | undefined;
  search?: string | undefined;
}

/** The catalogue of toolkits. */
export class Toolkits {
  readonly #client: NativeClient;

  /** @internal */
  constructor(client: NativeClient) {
    this.#client = client;
  }

  /** A page of toolkits. */
  async list(query: CatalogueQuery = {}, options?: RequestOptions): Promise<Page<Toolkit>> {
    const wire = encode("query", snakify(query));
    return camelize(await call(() => this.#client.toolkits(wire), options)) as Page<Toolkit>;
  }

  /** One toolkit. */
  get(slug: string, options?: RequestOptions): Promise<Toolkit>;
  /** The first page of toolkits that fit the query. */
  get(query?: CatalogueQuery, options?: RequestOptions): Promise<Toolkit[]>;
  async get(slugOrQuery: string | CatalogueQuery = {}, options?: RequestOptions): Promise<Toolkit | Toolkit[]> {
    if (typeof slugOrQuery !== "string") return (await this.list(slugOrQuery, options)).items;
    return camelize(await call(() => this.#client.toolkit(text("slug", slugOrQuery)), options)) as Toolkit;
  }
}

/** Which tools of the catalogue: by slug, by words, or by toolkit. */
export interface RawToolsQuery {
  tools?: string[] | undefined;
  toolkits?: string[] | undefined;
  search?: string | undefined;
  limit?: number | undefined;
}

/** The catalogue of tools. */
export class Tools {
  readonly #client: NativeClient;

  /** @internal */
  constructor(client: NativeClient) {
    this.#client = client;
  }

  /** One tool. */
  async getRawComposioToolBySlug(slug: string, options?: RequestOptions): Promise<Tool> {
    return camelize(await call(() => this.#client.tool(text("slug", slug)), options)) as Tool;
  }

  /** Tools by slug, by words, or by toolkit; at most `limit`. */
  async getRawComposioTools(query: RawToolsQuery = {}, options?: RequestOptions): Promise<Tool[]> {
    const { tools, toolkits, search, limit } = query;
    const wire = encode("query", {
      tool_slugs: tools?.join(","),
      toolkit_slug: toolkits?.join(","),
      query: search,
      limit,
    });
    const page = camelize(await call(() => this.#client.tools(wire), options)) as Page<Tool>;
    return page.items;
  }
}
