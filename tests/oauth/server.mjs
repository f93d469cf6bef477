// An OAuth server (the npm package oidc-provider) with an API behind it, on a free port of this machine.
//
//     node tests/oauth/server.mjs <folder with node_modules>
//
// Prints its URL. The user agrees to everything at once, unless told otherwise. Beside OAuth it answers:
//   /_api               who the bearer token belongs to; 401 without a good one; repeats the header it got
//   /_key               the same with the header x-key: key-of-the-user
//   /_open              the headers authorization and x-key that it got, to anybody
//   /_counts            how often each grant was asked for
//   /_issued            every token it gave out
//   /_set?deny=1        the user says no from now on; &ttl=<seconds> is what a first access token lives; &complete=0 leaves the
//                       address with the code in it out of what a device is told
//   /_forget?what=AccessToken|RefreshToken|Client   makes the server forget all of them
import http from 'node:http';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import path from 'node:path';

// Standard output has the URL only: who has read that may have closed it.
console.info = console.error;

const require = createRequire(path.resolve(process.argv[2], 'package.json'));
const { default: Provider } = await import(pathToFileURL(require.resolve('oidc-provider')).href);

const settings = { deny: false, ttl: 3600, complete: true };
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
  clientDefaults: { application_type: 'native' },
  cookies: { keys: ['of a test'] },
  features: {
    devInteractions: { enabled: false },
    revocation: { enabled: true },
    clientCredentials: { enabled: true },
    deviceFlow: { enabled: true },
    registration: { enabled: true },
  },
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

async function interact(request, response) {
  const { prompt, params, session, grantId } = await provider.interactionDetails(request, response);
  let result;
  if (settings.deny) {
    result = { error: 'access_denied', error_description: 'the user said no' };
  } else if (prompt.name === 'login') {
    result = { login: { accountId: 'ada' } };
  } else {
    const grant = grantId
      ? await provider.Grant.find(grantId)
      : new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
    grant.addOIDCScope(params.scope ?? 'openid');
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
    case '/_api': {
      const header = request.headers.authorization ?? '';
      const token = await provider.AccessToken.find(header.replace('Bearer ', ''));
      const client = await provider.ClientCredentials.find(header.replace('Bearer ', ''));
      if (!token && !client) return json(response, 401, { error: 'no good token' });
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
    case '/_counts': return json(response, 200, counts);
    case '/_issued': return json(response, 200, issued);
    case '/_set':
      settings.deny = url.searchParams.get('deny') === '1';
      settings.ttl = Number(url.searchParams.get('ttl') ?? 3600);
      settings.complete = url.searchParams.get('complete') !== '0';
      return json(response, 200, settings);
    case '/_forget':
      forget(url.searchParams.get('what'));
      return json(response, 200, {});
    default: return json(response, 404, {});
  }
}

const callback = provider.callback();
server.on('request', (request, response) => {
  const url = new URL(request.url, issuer);
  const failed = (error) => json(response, 500, { error: String(error) });
  if (url.pathname.startsWith('/_')) own(request, response, url).catch(failed);
  else if (url.pathname.startsWith('/interaction/')) interact(request, response).catch(failed);
  else callback(request, response);
});
process.stdin.on('end', () => process.exit(0)).resume();
console.log(issuer);
