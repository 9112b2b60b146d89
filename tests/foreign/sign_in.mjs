// Signing in at a provider in a real browser, which keeps to its rules about cookies of other sites. The task is
// one JSON object on standard input; what came of each step goes to standard output, as one.
import { readFileSync } from 'node:fs';
import { launch } from './chromium.mjs';

const task = JSON.parse(readFileSync(0, 'utf8'));
const browser = await launch(task);
const said = { errors: [] };
try {
  const page = await browser.newPage();
  page.on('pageerror', (error) => said.errors.push(error.message));
  await page.goto(new URL('/sign-in', task.url).href, { waitUntil: 'load' });
  await page.click('#provider');
  // There, back, and on from there by itself.
  await page.waitForFunction((url) => location.href === url, {}, new URL('/', task.url).href);
  await page.waitForSelector('form[action="/sign-out"]');
  said.inside = await page.$eval('body', (one) => one.innerText);
  said.cookies = (await page.cookies()).map(({ name, httpOnly, secure, sameSite, path }) =>
    ({ name, httpOnly, secure, sameSite, path }));
} finally {
  await browser.close();
}
console.log(JSON.stringify(said));
