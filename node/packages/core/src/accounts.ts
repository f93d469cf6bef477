/** Connected accounts and auth configs, outside of a session. */

import { call, type RequestOptions } from "./calls.js";
import { camelize, snakify } from "./case.js";
import { encode, text } from "./json.js";
import type {
  AuthConfig,
  CompletedAuth,
  ConnectedAccount,
  ConnectedAccountRefresh,
  ConnectedAccountRevocation,
  Done,
  JsonObject,
  Page,
} from "./models.js";
import type { NativeClient } from "./native.js";
import type {
  AccountChanges,
  DeleteAccountOptions,
  InitiateOptions,
  LinkOptions,
  PageQuery,
  RefreshOptions,
} from "./types.js";

const inspect = Symbol.for("nodejs.util.inspect.custom");

/** Keeps what may hold credentials out of logs; the object itself is whole. */
export function hidden<T extends object>(value: T, visible: (value: T) => object): T {
  return Object.defineProperty(value, inspect, { value: () => visible(value), enumerable: false });
}

function discreet(account: ConnectedAccount): ConnectedAccount {
  return hidden(account, ({ id, status }) => ({ id, status }));
}

/** It may hold a client's secret. */
function discreetConfig(config: AuthConfig): AuthConfig {
  return hidden(config, ({ id }) => ({ id }));
}

/** Waits for a connected account; see {@link ConnectionRequest.waitForConnection}. */
async function wait(
  client: NativeClient,
  id: string,
  timeoutMs: number | undefined,
  options: RequestOptions | undefined,
): Promise<ConnectedAccount> {
  return discreet(
    camelize(await call(() => client.waitForConnection(text("id", id), timeoutMs), options)) as ConnectedAccount,
  );
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

type Requested = ConstructorParameters<typeof ConnectionRequest>[0];

/** One call about connected accounts or auth configs, with the reply's names in camelCase. */
async function manage<T>(
  client: NativeClient,
  name: string,
  id: string,
  given: unknown,
  options: RequestOptions | undefined,
): Promise<T> {
  const wire = encode(name, given);
  return camelize(await call(() => client.manage(name, text("id", id), wire), options)) as T;
}

/** The project's connected accounts. */
export class ConnectedAccounts {
  readonly #client: NativeClient;

  /** @internal */
  constructor(client: NativeClient) {
    this.#client = client;
  }

  #manage<T>(name: string, id: string, given: object, options: RequestOptions | undefined): Promise<T> {
    return manage(this.#client, `connected_accounts.${name}`, id, snakify(given), options);
  }

  /** One connected account. */
  async get(id: string, options?: RequestOptions): Promise<ConnectedAccount> {
    return discreet(await this.#manage("get", id, {}, options));
  }

  /** A page of connected accounts; the query has the API's parameters, such as `userIds`, `statuses`, `limit`. */
  async list(query: PageQuery & JsonObject = {}, options?: RequestOptions): Promise<Page<ConnectedAccount>> {
    const page = await this.#manage<Page<ConnectedAccount>>("list", "", query, options);
    return { ...page, items: page.items.map(discreet) };
  }

  /**
   * Starts connecting an account of a user, without a session; {@link Session.authorize} does so within one.
   *
   * @throws ComposioMultipleConnectedAccountsError The user has an active account of the auth config, and
   *   `allowMultiple` is not set.
   */
  async link(
    userId: string,
    authConfigId: string,
    link: LinkOptions = {},
    options?: RequestOptions,
  ): Promise<ConnectionRequest> {
    const given = { ...link, userId, authConfigId };
    return new ConnectionRequest(await this.#manage<Requested>("link", "", given, options), this.#client);
  }

  /**
   * Makes an account of a user, active at once where `config` has its credential, else as {@link link} does.
   *
   * @throws ComposioMultipleConnectedAccountsError As {@link link}.
   * @throws ValidationError The credential is of another scheme than the toolkit's.
   */
  async initiate(
    userId: string,
    authConfigId: string,
    account: InitiateOptions = {},
    options?: RequestOptions,
  ): Promise<ConnectionRequest> {
    const given = { ...account, userId, authConfigId };
    return new ConnectionRequest(await this.#manage<Requested>("initiate", "", given, options), this.#client);
  }

  /** Finishes a connection with the URL that the provider sent the user's browser to, for an app that receives it. */
  async completeAuth(given: { userId: string; sessionUri: string }, options?: RequestOptions): Promise<CompletedAuth> {
    return this.#manage("complete_auth", "", given, options);
  }

  /**
   * Changes an account's `alias`, which null takes away, or its `connection`. What is left out stays.
   *
   * @throws ValidationError Nothing is to be changed, or another account of the user has the alias.
   */
  async update(id: string, changes: AccountChanges, options?: RequestOptions): Promise<Done> {
    return this.#manage("update", id, changes, options);
  }

  /** Switches an account on. */
  async enable(id: string, options?: RequestOptions): Promise<Done> {
    return this.#manage("enable", id, {}, options);
  }

  /** Switches an account off; calls no longer use it. */
  async disable(id: string, options?: RequestOptions): Promise<Done> {
    return this.#manage("disable", id, {}, options);
  }

  /** Switches an account on or off. */
  async updateStatus(id: string, { enabled }: { enabled: boolean }, options?: RequestOptions): Promise<Done> {
    return enabled ? this.enable(id, options) : this.disable(id, options);
  }

  /** Deletes an account, with `revokeOnDelete` after its tokens were revoked at the provider. */
  async delete(id: string, how: DeleteAccountOptions = {}, options?: RequestOptions): Promise<Done> {
    return this.#manage("delete", id, how, options);
  }

  /**
   * Renews an account's credential now. Where only its user can, the answer's `redirectUrl` is where they go, and the
   * account keeps its id.
   */
  async refresh(id: string, how: RefreshOptions = {}, options?: RequestOptions): Promise<ConnectedAccountRefresh> {
    return this.#manage("refresh", id, how, options);
  }

  /** Revokes an account's tokens at the provider, and forgets them. */
  async revoke(id: string, options?: RequestOptions): Promise<ConnectedAccountRevocation> {
    return this.#manage("revoke", id, {}, options);
  }

  /** Waits until an account is active; see {@link ConnectionRequest.waitForConnection}. */
  async waitForConnection(id: string, timeoutMs?: number, options?: RequestOptions): Promise<ConnectedAccount> {
    return wait(this.#client, id, timeoutMs, options);
  }
}

/** How the accounts of toolkits are made. The embedded router makes them of what the toolkits say. */
export class AuthConfigs {
  readonly #client: NativeClient;

  /** @internal */
  constructor(client: NativeClient) {
    this.#client = client;
  }

  #manage<T>(name: string, id: string, given: object, options: RequestOptions | undefined): Promise<T> {
    return manage(this.#client, `auth_configs.${name}`, id, given, options);
  }

  /** A page of auth configs; the query has the API's parameters, such as `toolkitSlug`, `limit`. */
  async list(query: PageQuery & JsonObject = {}, options?: RequestOptions): Promise<Page<AuthConfig>> {
    const page = await this.#manage<Page<AuthConfig>>("list", "", snakify(query) as object, options);
    return { ...page, items: page.items.map(discreetConfig) };
  }

  /** One auth config. */
  async get(id: string, options?: RequestOptions): Promise<AuthConfig> {
    return discreetConfig(await this.#manage("get", id, {}, options));
  }

  /**
   * Makes an auth config of a toolkit, with the API's own names, such as `{ type: "use_custom_auth", authScheme }`.
   *
   * @throws UsageError The embedded router makes its own; `composio.toml` says what they need beside.
   */
  async create(toolkit: string, config: JsonObject, options?: RequestOptions): Promise<AuthConfig> {
    return discreetConfig(await this.#manage("create", toolkit, config, options));
  }

  /** Changes an auth config, with the API's own names. */
  async update(id: string, config: JsonObject, options?: RequestOptions): Promise<Done> {
    return this.#manage("update", id, config, options);
  }

  /** Switches an auth config on. */
  async enable(id: string, options?: RequestOptions): Promise<Done> {
    return this.#manage("enable", id, {}, options);
  }

  /** Switches an auth config off. */
  async disable(id: string, options?: RequestOptions): Promise<Done> {
    return this.#manage("disable", id, {}, options);
  }

  /** Deletes an auth config. */
  async delete(id: string, options?: RequestOptions): Promise<Done> {
    return this.#manage("delete", id, {}, options);
  }
}
