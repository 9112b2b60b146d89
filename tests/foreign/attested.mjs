// An administrator makes a passkey where makers are named, in a real browser: the authenticator that
// Chromium has for tests states its maker, as a security key does. The task is one JSON object on
// standard input; what came of it goes to standard output, as one.
import { readFileSync } from 'node:fs';
import { authenticators, launch } from './chromium.mjs';

const task = JSON.parse(readFileSync(0, 'utf8'));
const browser = await launch(task);
const said = { errors: [] };
try {
  const page = await browser.newPage();
  page.on('pageerror', (error) => said.errors.push(error.message));
  const { add } = await authenticators(page);
  await add({ transport: 'usb' });
  const at = (path) => new URL(path, task.url).href;
  const press = async (button) => {
    await Promise.all([page.waitForNavigation({ waitUntil: 'load' }), page.click(button)]);
  };
  const link = new URL(task.link, task.url);
  await page.goto(at(link.pathname + link.search), { waitUntil: 'load' });
  await press('form[action="/sign-in"] button[type=submit]');
  await page.goto(at('/passkeys'), { waitUntil: 'load' });
  said.page = await page.$eval('main', (one) => one.innerText);
  await page.type('#make-name', 'key');
  await press('#make button[type=submit]');
  said.made = await page.$eval('main', (one) => one.innerText);
  if (task.picture) await page.screenshot({ path: task.picture, fullPage: true });
  // What the device states of itself: its certificate, as a maker would publish it.
  said.statement = await page.evaluate(async () => {
    const bytes = (length) => crypto.getRandomValues(new Uint8Array(length));
    const { response } = await navigator.credentials.create({
      publicKey: {
        challenge: bytes(32),
        rp: { id: location.hostname, name: 'elsewhere' },
        user: { id: bytes(8), name: 'a', displayName: 'a' },
        pubKeyCredParams: [{ type: 'public-key', alg: -7 }],
        authenticatorSelection: { userVerification: 'required' },
        attestation: 'direct',
      },
    });
    const hex = (byte) => byte.toString(16).padStart(2, '0');
    return [...new Uint8Array(response.attestationObject)].map(hex).join('');
  });
} finally {
  await browser.close();
}
console.log(JSON.stringify(said));
