// Passkeys in a real browser, with the authenticator that Chromium has for tests: one is made after a
// link, signs in, and signs an approval. The task is one JSON object on standard input; what came of each
// step goes to standard output, as one.
import { readFileSync } from 'node:fs';
import { authenticators, launch } from './chromium.mjs';

const task = JSON.parse(readFileSync(0, 'utf8'));
const browser = await launch(task);
const said = { errors: [] };
try {
  const page = await browser.newPage();
  page.on('pageerror', (error) => said.errors.push(error.message));
  const { devices, add } = await authenticators(page);
  const device = await add();
  const at = (path) => new URL(path, task.url).href;
  const text = (where = 'main') => page.$eval(where, (one) => one.innerText);
  const press = async (button) => {
    await Promise.all([page.waitForNavigation({ waitUntil: 'load' }), page.click(button)]);
  };
  const stays = async (button, said) => {
    await page.click(button);
    await page.waitForFunction((where) => document.querySelector(where).textContent !== '', {}, said);
    return text(said);
  };
  const signOut = () => press('form[action="/sign-out"] button[type=submit]');

  // A link names the address of the server; passkeys need its name.
  const link = new URL(task.link, task.url);
  await page.goto(at(link.pathname + link.search), { waitUntil: 'load' });
  await press('form[action="/sign-in"] button[type=submit]');
  await page.goto(at('/passkeys'), { waitUntil: 'load' });
  await page.type('#make-name', 'laptop');
  await press('#make button[type=submit]');
  said.made = await text();
  const { credentials } = await devices.send('WebAuthn.getCredentials', { authenticatorId: device });
  said.site = credentials.map((one) => one.rpId);
  if (task.picture) await page.screenshot({ path: task.picture });
  await signOut();

  // Somebody else holds the device: it does not unlock, and nothing is sent.
  await devices.send('WebAuthn.setUserVerified', { authenticatorId: device, isUserVerified: false });
  await page.goto(at('/sign-in'), { waitUntil: 'load' });
  said.locked = await stays('#passkey button[type=submit]', '#passkey [data-said]');
  await devices.send('WebAuthn.setUserVerified', { authenticatorId: device, isUserVerified: true });

  await page.goto(at('/sign-in'), { waitUntil: 'load' });
  await press('#passkey button[type=submit]');
  said.signedIn = await page.$eval('header + nav, nav.main', (one) => one.innerText);

  await page.goto(at(task.request), { waitUntil: 'load' });
  await page.$eval('#approve', (form) => { form.closest('details').open = true; });
  await press('#approve button[type=submit]');
  said.approved = await text();
  await signOut();

  // A page that waits is used once: going back and sending it again is refused.
  await page.goto(at('/sign-in'), { waitUntil: 'load' });
  const challenge = await page.$eval('#passkey', (form) => form.dataset.challenge);
  await press('#passkey button[type=submit]');
  await signOut();
  await page.goto(at('/sign-in'), { waitUntil: 'load' });
  await page.$eval('#passkey', (form, old) => {
    form.dataset.challenge = old;
    form.querySelector('[name=challenge]').value = old;
  }, challenge);
  await press('#passkey button[type=submit]');
  said.again = await text();
} finally {
  await browser.close();
}
console.log(JSON.stringify(said));
