/** Toolkits and tools of the backend, outside of a session. */

import { call, type RequestOptions } from "./calls.js";
import { camelize, snakify } from "./case.js";
import { encode, text } from "./json.js";
import type { Page, Tool, Toolkit } from "./models.js";
import type { NativeClient } from "./native.js";
import type { PageQuery } from "./types.js";

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
