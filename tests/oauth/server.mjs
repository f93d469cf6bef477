// An OAuth server (the npm package oidc-provider) with an API behind it, on a free port of this machine.
//
//     node tests/oauth/server.mjs <folder with node_modules>
//
// Prints its URL. The user agrees to everything at once, unless told otherwise; with --interactive they sign in on pages, with any
// name and the password "horse staple". Beside OAuth it answers:
//   /_api               who the bearer token belongs to; 401 without a good one; repeats the header it got
//   /_openapi           the OpenAPI document of /_api
//   /_admin             the same for a token with the scope tracker:admin; 403 for another one
//   /_key               the same with the header x-key: key-of-the-user
//   /_open              the headers authorization and x-key that it got, to anybody
//   /_mcp               an MCP server (of @modelcontextprotocol/sdk) that takes tokens which were made for it: `whoami` for
//                       everybody, `reset` for ada, and `audit` for bob with the scope mcp:admin;
//                       it says who gives tokens by the MCP rules
//   /_counts            how often each grant was asked for
//   /_issued            every token it gave out
//   /_set?says=<text>   is how `whoami` describes itself from now on
//   /_set?deny=1        the user says no from now on; &ttl=<seconds> is what a first access token lives; &complete=0 leaves the
//                       address with the code in it out of what a device is told; &login=<name> is who signs in
//   /_document?text=…   what is at every https URL: the document of a program that it is to know by that URL
//   /_forget?what=AccessToken|RefreshToken|Client   makes the server forget all of them
import http from 'node:http';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import path from 'node:path';

// Standard output has the URL only: who has read that may have closed it.
console.info = console.error;

const require = createRequire(path.resolve(process.argv[2], 'package.json'));
const { default: Provider } = await import(pathToFileURL(require.resolve('oidc-provider')).href);

const express = require('express');
const { mcpAuthMetadataRouter, getOAuthProtectedResourceMetadataUrl } = require('@modelcontextprotocol/sdk/server/auth/router.js');
const { requireBearerAuth } = require('@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js');
const { InvalidTokenError } = require('@modelcontextprotocol/sdk/server/auth/errors.js');
const { McpServer } = require('@modelcontextprotocol/sdk/server/mcp.js');
const { StreamableHTTPServerTransport } = require('@modelcontextprotocol/sdk/server/streamableHttp.js');

const settings = { interactive: process.argv.includes('--interactive'), deny: false, ttl: 3600, complete: true, login: 'ada', document: '' };
const counts = {};
const issued = [];
const rows = new Map();

class Memory {
  constructor(name) { this.name = name; }
  key(id) { return `${this.name}:${id}`; }
  async upsert(id, payload) { rows.set(this.key(id), payload); }
  async find(id) { return rows.get(this.key(id)); }
  async findByUid(uid) { return [...rows.entries()].find(([key, row]) => key.startsWith(`${this.name}:`) && row.uid === uid)?.[1]; }
  async findByUserCode(code) { return [...rows.entries()].find(([key, row]) => key.startsWith(`${this.name}:`) && row.userCode === code)?.[1]; }
  async consume(id) { const row = rows.get(this.key(id)); if (row) row.consumed = Math.floor(Date.now() / 1000); }
  async destroy(id) { rows.delete(this.key(id)); }
  async revokeByGrantId(grant) { for (const [key, row] of rows) if (row.grantId === grant) rows.delete(key); }
}

function forget(name) {
  for (const key of rows.keys()) if (key.startsWith(`${name}:`)) rows.delete(key);
}

const server = http.createServer();
await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
const issuer = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(issuer, {
  adapter: Memory,
  clients: [{
    client_id: 'app',
    client_secret: 'secret-of-the-app',
    application_type: 'native',
    redirect_uris: ['http://127.0.0.1/connect/callback'],
    grant_types: ['authorization_code', 'refresh_token', 'client_credentials', 'urn:ietf:params:oauth:grant-type:device_code'],
    response_types: ['code'],
    token_endpoint_auth_method: 'client_secret_basic',
  }],
  scopes: ['openid', 'offline_access', 'tracker:admin'],
  clientDefaults: { application_type: 'native' },
  cookies: { keys: ['of a test'] },
  features: {
    devInteractions: { enabled: false },
    revocation: { enabled: true },
    clientCredentials: { enabled: true },
    deviceFlow: { enabled: true },
    registration: { enabled: true },
    clientIdMetadataDocument: { enabled: true, ack: 'draft-02' },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => undefined,
      useGrantedResource: () => true,
      getResourceServerInfo: (_, resource) => ({ scope: 'mcp:tools mcp:admin', audience: resource, accessTokenFormat: 'opaque' }),
    },
  },
  fetch: async () => new Response(settings.document, { headers: { 'content-type': 'application/json' } }),
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  issueRefreshToken: () => true,
  rotateRefreshToken: true,
  ttl: {
    AccessToken: (ctx) => (ctx.oidc.params.grant_type === 'refresh_token' ? 3600 : settings.ttl),
    Grant: 86400, Interaction: 600, RefreshToken: 86400, Session: 3600, IdToken: 3600,
  },
});
provider.use(async (ctx, next) => {
  await next();
  if (ctx.oidc?.route === 'device_authorization' && ctx.body?.device_code) {
    // A test need not wait for five seconds between two looks.
    ctx.body.interval = 1;
    if (!settings.complete) delete ctx.body.verification_uri_complete;
  }
  const grant = ctx.oidc?.route === 'token' ? ctx.oidc.params?.grant_type : ctx.oidc?.route;
  if (grant) counts[grant] = (counts[grant] ?? 0) + 1;
  for (const name of ['access_token', 'refresh_token']) if (ctx.body?.[name]) issued.push(ctx.body[name]);
});

// What the user answers on a page; nothing where the page is still to be shown.
async function answered(request, response, { uid, prompt, params }) {
  const form = request.method === 'POST' ? new URLSearchParams(await text(request)) : undefined;
  if (prompt.name === 'login') {
    const login = form?.get('login');
    if (login && form.get('password') === 'horse staple') return { login: { accountId: login } };
  } else if (form) {
    return form.get('answer') === 'agree' ? {} : { error: 'access_denied', error_description: 'the user said no' };
  }
  const fields = prompt.name === 'login'
    ? `<h1>Sign in</h1>${form ? '<p role="alert">The name or the password is wrong.</p>' : ''}
       <label>Name <input name="login" autocomplete="username"></label>
       <label>Password <input name="password" type="password" autocomplete="current-password"></label><button>Sign in</button>`
    : `<h1>Let ${params.client_id} act for you?</h1><button name="answer" value="agree">Agree</button>
       <button name="answer" value="refuse">Refuse</button>`;
  response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' });
  response.end(`<!doctype html><html lang="en"><title>The provider</title><form method="post" action="/interaction/${uid}">${fields}</form>`);
  return undefined;
}

async function text(stream) {
  let all = '';
  for await (const chunk of stream) all += chunk;
  return all;
}

async function interact(request, response) {
  const details = await provider.interactionDetails(request, response);
  const { prompt, params, session, grantId } = details;
  let result = settings.interactive ? await answered(request, response, details) : {};
  if (result === undefined) return;
  if (result.login || result.error) {
    // The page has said it.
  } else if (settings.deny) {
    result = { error: 'access_denied', error_description: 'the user said no' };
  } else if (prompt.name === 'login') {
    result = { login: { accountId: settings.login } };
  } else {
    const grant = grantId
      ? await provider.Grant.find(grantId)
      : new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
    grant.addOIDCScope(params.scope ?? 'openid');
    if (params.resource) grant.addResourceScope(params.resource, params.scope ?? 'mcp:tools');
    result = { consent: { grantId: await grant.save() } };
  }
  await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: true });
}

function json(response, status, value) {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(value));
}

async function own(request, response, url) {
  switch (url.pathname) {
    case '/_admin':
    case '/_api': {
      const header = request.headers.authorization ?? '';
      const token = await provider.AccessToken.find(header.replace('Bearer ', ''));
      const client = await provider.ClientCredentials.find(header.replace('Bearer ', ''));
      if (!token && !client) return json(response, 401, { error: 'no good token' });
      if (url.pathname === '/_admin' && !token?.scope?.split(' ').includes('tracker:admin')) {
        response.setHeader('www-authenticate', 'Bearer error="insufficient_scope", scope="tracker:admin"');
        return json(response, 403, { error: 'for admins only' });
      }
      return json(response, 200, { sub: token?.accountId ?? client.clientId, client: (token ?? client).clientId, header });
    }
    case '/_key': {
      const header = request.headers['x-key'];
      if (header !== 'key-of-the-user') return json(response, 401, { error: 'no good key' });
      return json(response, 200, { sub: 'ada', header });
    }
    case '/_open': {
      const { authorization = null, 'x-key': key = null } = request.headers;
      return json(response, 200, { authorization, key });
    }
    case '/_openapi': return json(response, 200, {
      openapi: '3.1.0',
      info: { title: 'Tracker', version: '1', description: 'Issues, and who has them.' },
      servers: [{ url: issuer }],
      security: [{ user: ['openid'] }],
      paths: { '/_api': { get: { operationId: 'whoami', summary: 'Says whose account is used.', responses: { 200: { description: 'The user.' } } } } },
      components: { securitySchemes: { user: { type: 'openIdConnect', openIdConnectUrl: `${issuer}/.well-known/openid-configuration` } } },
    });
    case '/_counts': return json(response, 200, counts);
    case '/_issued': return json(response, 200, issued);
    case '/_set':
      settings.deny = url.searchParams.get('deny') === '1';
      settings.ttl = Number(url.searchParams.get('ttl') ?? 3600);
      settings.login = url.searchParams.get('login') ?? 'ada';
      settings.complete = url.searchParams.get('complete') !== '0';
      settings.says = url.searchParams.get('says') ?? undefined;
      return json(response, 200, settings);
    case '/_document':
      settings.document = url.searchParams.get('text');
      return json(response, 200, {});
    case '/_forget':
      forget(url.searchParams.get('what'));
      return json(response, 200, {});
    default: return json(response, 404, {});
  }
}

const resource = new URL(`${issuer}/_mcp`);
const guarded = express();
guarded.use(mcpAuthMetadataRouter({
  oauthMetadata: {
    issuer, authorization_endpoint: `${issuer}/auth`, token_endpoint: `${issuer}/token`, response_types_supported: ['code'],
  },
  resourceServerUrl: resource,
  scopesSupported: ['mcp:tools'],
}));
const verifier = {
  async verifyAccessToken(token) {
    const found = await provider.AccessToken.find(token);
    if (found?.aud !== resource.href) throw new InvalidTokenError('the token is not for this server, or not good');
    return { token, clientId: found.clientId, scopes: found.scope.split(' '), expiresAt: found.exp, extra: { sub: found.accountId } };
  },
};
const resourceMetadataUrl = getOAuthProtectedResourceMetadataUrl(resource);
const bearer = (...requiredScopes) => requireBearerAuth({ verifier, requiredScopes, resourceMetadataUrl });
guarded.use('/_mcp', express.json(), (request, response, next) => {
  const isAudit = request.body?.method === 'tools/call' && request.body.params.name === 'audit';
  (isAudit ? bearer('mcp:tools', 'mcp:admin') : bearer('mcp:tools'))(request, response, next);
}, async (request, response) => {
  const { sub } = request.auth.extra;
  const mcp = new McpServer({ name: 'guarded', version: '1', description: 'Knows who is asking.' });
  const says = (text) => ({ content: [{ type: 'text', text }] });
  mcp.registerTool('whoami', { description: settings.says ?? 'Says whose token it is, and repeats it.' }, async () => says(`${sub} ${request.auth.token}`));
  if (sub === 'ada') mcp.registerTool('reset', { description: 'Resets everything.' }, async () => says('reset'));
  if (sub === 'bob') mcp.registerTool('audit', { description: 'Lists what everybody did.' }, async () => says(request.auth.scopes.join(' ')));
  const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined, enableJsonResponse: true });
  response.on('close', () => mcp.close());
  await mcp.connect(transport);
  await transport.handleRequest(request, response, request.body);
});

const callback = provider.callback();
server.on('request', (request, response) => {
  const url = new URL(request.url, issuer);
  const failed = (error) => json(response, 500, { error: String(error) });
  if (url.pathname.startsWith('/_mcp') || url.pathname.includes('oauth-protected-resource')) guarded(request, response);
  else if (url.pathname.startsWith('/_')) own(request, response, url).catch(failed);
  else if (url.pathname.startsWith('/interaction/')) interact(request, response).catch(failed);
  else callback(request, response);
});
process.stdin.on('end', () => process.exit(0)).resume();
console.log(issuer);
