// Run by run.py, which says by the environment where the server is.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import path from 'node:path';
import { after, before, test } from 'node:test';

const require = createRequire(path.resolve(process.env.MODULES, 'package.json'));
const { chromium } = require('playwright-core');
const axe = require.resolve('axe-core');

const { COMPOSIO_BASE_URL: base, COMPOSIO_API_KEY: key, SCREENSHOT: screenshot } = process.env;
let browser;
let session;

async function call(method, place, body) {
  const headers = { 'x-api-key': key, 'content-type': 'application/json' };
  const reply = await fetch(`${base}/api/v3.1${place}`, { method, headers, body: body && JSON.stringify(body) });
  assert.ok(reply.ok, `${place}: ${reply.status}`);
  return reply.json();
}

const link = (toolkit, more) => call('POST', `/tool_router/session/${session}/link`, { toolkit, ...more });
const status = async (id) => (await call('GET', `/connected_accounts/${id}`)).status;

async function run(slug) {
  const reply = await call('POST', `/tool_router/session/${session}/execute`, { tool_slug: slug, arguments: {} });
  assert.equal(reply.error, null);
  return reply.data.body;
}

// A page, and what it complained about.
async function open(url, options) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const problems = [];
  const requests = [];
  page.on('console', (message) => problems.push(message.text()));
  page.on('pageerror', (error) => problems.push(String(error)));
  page.on('request', (request) => requests.push(request.url()));
  const response = await page.goto(url);
  return { page, response, problems, requests };
}

// What the accessibility checker finds.
async function violations(page) {
  // The page's own rules forbid scripts, the checker's too.
  const context = await browser.newContext({
    bypassCSP: true,
    colorScheme: await page.evaluate(() => (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light')),
  });
  const copy = await context.newPage();
  await copy.setContent(await page.content());
  await copy.addScriptTag({ path: axe });
  const found = await copy.evaluate(() => globalThis.axe.run());
  await context.close();
  return found.violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(' ')}`);
}

before(async () => {
  browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
  session = (await call('POST', '/tool_router/session', { user_id: 'ada' })).session_id;
});

after(() => browser.close());

for (const [toolkit, title, typed] of [
  ['shop', 'Connect The Shop API', ['key-of-ada']],
  ['notes', 'Connect The Notes API', ['token-of-ada']],
  ['mail', 'Connect The Mail API', ['ada', 'horse staple']],
]) {
  test(`${toolkit}: connected by the keyboard alone, without scripts`, async () => {
    const { redirect_url: url, connected_account_id: id } = await link(toolkit);
    const { page, requests } = await open(url, { javaScriptEnabled: false });
    assert.equal(await page.title(), title);
    const text = await page.textContent('main');
    for (const part of [`The ${title.split(' ')[2]} API`, 'ada', `Knows the ${toolkit} of a person.`]) {
      assert.ok(text.includes(part), `${part} is not in ${text}`);
    }
    for (const value of typed) {
      await page.keyboard.type(value);
      await page.keyboard.press('Tab');
    }
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Connected' }).waitFor();
    assert.equal(await status(id), 'ACTIVE');
    assert.deepEqual(await run(`${toolkit.toUpperCase()}_LOOK`), { good: true });
    assert.ok(requests.every((request) => request === url), requests.join(' '));

    const again = await page.goto(url);
    assert.equal(again.status(), 404);
    assert.match(await page.textContent('main'), /lapsed or was used/);
    await page.context().close();
  });
}

for (const colorScheme of ['light', 'dark']) {
  test(`accessible and small enough for a phone, ${colorScheme}`, async () => {
    for (const toolkit of ['shop', 'mail']) {
      const { redirect_url: url } = await link(toolkit);
      const { page, problems } = await open(url, { colorScheme, viewport: { width: 320, height: 640 } });
      assert.deepEqual(await violations(page), []);
      const [content, window] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
      assert.ok(content <= window, `${content} > ${window}`);
      // The first field is ready to be typed in.
      const first = page.locator('input').first();
      assert.equal(await first.evaluate((field) => field === document.activeElement), true);

      // Blanks pass for a browser; the page says what is wrong, and the link serves on.
      for (const field of await page.locator('input').all()) await field.fill('   ');
      await page.getByRole('button', { name: 'Connect' }).click();
      assert.match(await page.getByRole('alert').textContent(), /fill in every field/);
      assert.deepEqual(await violations(page), []);
      assert.deepEqual(problems.filter((problem) => !problem.includes('status of 400')), []);
      await page.context().close();
    }
    for (const end of ['done', 'nothing-of-the-kind']) {
      const { page } = await open(`${base}/connect/${end}`, { colorScheme });
      assert.deepEqual(await violations(page), []);
      await page.context().close();
    }
  });
}

test('the browser goes on to where the caller wants it', async () => {
  const seen = new Promise((resolve) => {
    const server = createServer((request, response) => {
      response.end('back');
      server.close();
      resolve(new URL(request.url, 'http://app.example'));
    });
    server.listen(0, '127.0.0.1', async () => {
      const back = `http://127.0.0.1:${server.address().port}/back?mine=1`;
      const { redirect_url: url, connected_account_id: id } = await link('shop', { callback_url: back, alias: 'second' });
      const { page } = await open(url);
      await page.getByLabel('API key').fill('key-of-ada');
      await page.getByRole('button', { name: 'Connect' }).click();
      await page.waitForURL(/\/back/);
      assert.equal(new URL(page.url()).searchParams.get('connected_account_id'), id);
      await page.context().close();
    });
  });
  const { pathname, searchParams } = await seen;
  assert.deepEqual([pathname, searchParams.get('mine'), searchParams.get('status')], ['/back', '1', 'success']);
});

test('what is typed is hidden and not kept by the browser', async () => {
  const { redirect_url: url } = await link('mail');
  const { page, response } = await open(url, { viewport: { width: 390, height: 530 } });
  assert.equal(await page.getByLabel('Password').getAttribute('type'), 'password');
  assert.equal(await page.getByLabel('User name').getAttribute('autocomplete'), 'off');
  const headers = response.headers();
  assert.equal(headers['cache-control'], 'no-store');
  assert.match(headers['content-security-policy'], /default-src 'none'/);
  if (screenshot) {
    const { redirect_url: shop } = await link('shop');
    await page.goto(shop);
    await page.screenshot({ path: screenshot });
  }
  await page.context().close();
});

// At the provider's pages.
async function signIn(page, name) {
  await page.getByLabel('Name').fill(name);
  await page.getByLabel('Password').fill('horse staple');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('button', { name: 'Agree' }).click();
}

for (const colorScheme of ['light', 'dark']) {
  test(`an account at a provider: the page before it says for whom, ${colorScheme}`, async () => {
    const { redirect_url: url, connected_account_id: id } = await link('tracker');
    const options = { colorScheme, viewport: { width: 320, height: 640 }, javaScriptEnabled: true };
    const { page, problems, requests } = await open(url, options);
    assert.match(await page.getByRole('heading').textContent(), /^Connect .+ for user ada$/);
    assert.deepEqual(await violations(page), []);
    const [content, window] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    assert.ok(content <= window, `${content} > ${window}`);
    assert.deepEqual([requests, problems, await page.context().cookies()], [[url], [], []]);

    // By the keyboard, and once more by the back button.
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.getByLabel('Name').waitFor();
    await page.goBack();
    await page.getByRole('button', { name: 'Connect' }).click();
    await page.getByLabel('Name').waitFor();
    const cookies = (await page.context().cookies(url)).filter(({ name }) => name.startsWith('composio-connect-'));
    assert.deepEqual(cookies.map(({ httpOnly, sameSite, path }) => [httpOnly, sameSite, path]), [[true, 'Lax', '/']]);
    await signIn(page, 'ada');
    await page.getByRole('heading', { name: 'Connected' }).waitFor();
    assert.equal(await status(id), 'ACTIVE');
    assert.equal((await run('TRACKER_WHOAMI')).sub, 'ada');
    await page.context().close();
  });
}

test('nobody connects the account of another person by a link of their own', async () => {
  const { redirect_url: url, connected_account_id: id } = await link('tracker');
  // The attacker agrees on the page before the provider, and has the victim do the rest.
  const { page: attacker, requests } = await open(url);
  await attacker.getByRole('button', { name: 'Connect' }).click();
  await attacker.getByLabel('Name').waitFor();
  const provider = requests.find((request) => request.includes('/auth?'));
  const { page: victim } = await open(provider);
  await signIn(victim, 'victim');
  await victim.getByRole('heading', { name: 'Not connected' }).waitFor();
  assert.equal(new URL(victim.url()).pathname, '/connect/callback');
  assert.match(await victim.textContent('main'), /begun in another browser.*open the link again in this browser/);
  assert.deepEqual(await violations(victim), []);
  assert.equal(await status(id), 'INITIATED');

  // A page of the attacker's that sends the form by itself does not agree in the victim's stead.
  await victim.route('http://evil.example/', (route) =>
    route.fulfill({ contentType: 'text/html', body: `<form method="post" action="${url}"><button>Win</button></form>` }),
  );
  await victim.goto('http://evil.example/');
  const [answer] = await Promise.all([
    victim.waitForResponse((response) => response.url() === url),
    victim.getByRole('button', { name: 'Win' }).click(),
  ]);
  assert.equal(answer.status(), 403);
  assert.deepEqual((await victim.context().cookies(url)).filter(({ name }) => name.includes('composio')), []);

  // The link itself says to the victim for whom it is; and it has not been used up.
  await victim.goto(url);
  assert.match(await victim.getByRole('heading').textContent(), /for user ada$/);
  await victim.context().close();
  await signIn(attacker, 'ada');
  await attacker.getByRole('heading', { name: 'Connected' }).waitFor();
  assert.equal(await status(id), 'ACTIVE');
  await attacker.context().close();
});
