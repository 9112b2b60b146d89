// Approving by the link of a letter, in a real browser with the authenticator that Chromium has for
// tests. The task is one JSON object on standard input; what came of each step goes to standard output.
import { readFileSync } from 'node:fs';
import { authenticators, launch } from './chromium.mjs';

const task = JSON.parse(readFileSync(0, 'utf8'));
const browser = await launch(task);
const said = { errors: [] };
try {
  const page = await browser.newPage();
  page.on('pageerror', (error) => said.errors.push(error.message));
  const { add } = await authenticators(page);
  await add();
  const at = (path) => new URL(path, task.url).href;
  const text = () => page.$eval('main', (one) => one.innerText);
  const press = async (button) => {
    await Promise.all([page.waitForNavigation({ waitUntil: 'load' }), page.click(button)]);
  };
  const signOut = () => press('form[action="/sign-out"] button[type=submit]');

  const link = new URL(task.link, task.url);
  await page.goto(at(link.pathname + link.search), { waitUntil: 'load' });
  await press('form[action="/sign-in"] button[type=submit]');
  await page.goto(at('/passkeys'), { waitUntil: 'load' });
  await page.type('#make-name', 'laptop');
  await press('#make button[type=submit]');
  await signOut();

  // The letter's link, opened by somebody who is not signed in: nothing of what is asked for.
  await page.goto(at(task.approve), { waitUntil: 'load' });
  said.asking = await text();
  await press('#passkey button[type=submit]');
  said.place = new URL(page.url()).pathname;
  said.shown = await text();
  if (task.picture) await page.screenshot({ path: task.picture, fullPage: true });
  // The page that everybody has folds its forms.
  await page.$eval('#approve', (form) => { const fold = form.closest('details'); if (fold) fold.open = true; });
  await press('#approve button[type=submit]');
  said.approved = await text();
  await page.goto(at(task.approve), { waitUntil: 'load' });
  said.again = await text();
} finally {
  await browser.close();
}
console.log(JSON.stringify(said));
