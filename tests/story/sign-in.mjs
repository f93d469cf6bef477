// A user in a real browser: follows a link, signs in at the provider, and agrees.
//
//     node tests/story/sign-in.mjs <folder with node_modules> URL
import { createRequire } from 'node:module';
import path from 'node:path';

const [modules, url] = process.argv.slice(2);
const { chromium } = createRequire(path.resolve(modules, 'package.json'))('playwright-core');
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox'],
});
try {
  const page = await browser.newPage();
  await page.goto(url);
  await page.getByRole('button', { name: 'Connect' }).click();
  await page.getByLabel('Name').fill('ada');
  await page.getByLabel('Password').fill('horse staple');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('button', { name: 'Agree' }).click();
  await page.getByRole('heading', { name: 'Connected' }).waitFor();
  console.log(await page.locator('body').innerText());
} finally {
  await browser.close();
}
