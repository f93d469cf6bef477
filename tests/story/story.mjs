// The story of run.py, from Node.
import assert from 'node:assert/strict';

import { Composio } from '../../node/packages/core/dist/index.js';

const composio = new Composio({ backend: 'embedded', config: JSON.parse(process.env.STORY_CONFIG) });
const session = await composio.create('ada');

const before = await session.execute('TRACKER_WHOAMI');
assert.match(before.error, /no active connected account of `tracker`/);
const request = await session.authorize('tracker');
console.log(`OPEN ${request.redirectUrl}`);
const account = await request.waitForConnection(120_000);
assert.equal(account.status, 'ACTIVE');

const found = await session.search({ query: 'whose account is used' });
assert.equal(found.results[0].primaryToolSlugs[0], 'TRACKER_WHOAMI');
const { data, error } = await session.execute('TRACKER_WHOAMI');
assert.equal(error, null);
assert.deepEqual([data.body.sub, data.body.header], ['ada', 'Bearer ***']);
const raw = await session.proxyExecute({ toolkit: 'tracker', endpoint: '/_api', method: 'GET' });
assert.deepEqual([raw.status, raw.data.sub], [200, 'ada']);

assert.equal((await composio.connectedAccounts.refresh(account.id)).status, 'ACTIVE');
assert.equal((await session.execute('TRACKER_WHOAMI')).data.body.sub, 'ada');
assert.deepEqual((await composio.connectedAccounts.revoke(account.id)).revokedTokens, [
  'refresh_token',
  'access_token',
]);
assert.match((await session.execute('TRACKER_WHOAMI')).error, /REVOKED/);
await composio.connectedAccounts.delete(account.id);
await composio.close();
console.log('DONE');
