// The pager in a real browser: whether it sounds when somebody is paged, and is silent afterwards.
// The first line of standard input is its task, one JSON object; then it says where it is, one line
// of JSON each, and waits for a line before it goes on. What it says last is what it counted.
import { createInterface } from 'node:readline';
import { launch } from './chromium.mjs';

const input = createInterface({ input: process.stdin });
const lines = input[Symbol.asyncIterator]();
const heard = async () => (await lines.next()).value;
const say = (what) => console.log(JSON.stringify(what));

const task = JSON.parse(await heard());
const browser = await launch(task);
try {
  const page = await browser.newPage();
  // The pager asks every twenty seconds.
  page.setDefaultTimeout(60_000);
  const errors = [];
  page.on('pageerror', (error) => errors.push(error.message));
  // Counts what really sounds: tones that were started, in a context that runs by then.
  await page.evaluateOnNewDocument(() => {
    const counted = { tones: 0, ended: 0, contexts: [] };
    globalThis.counted = counted;
    const Context = globalThis.AudioContext;
    globalThis.AudioContext = class extends Context {
      constructor(...options) {
        super(...options);
        counted.contexts.push(this);
      }
    };
    const start = OscillatorNode.prototype.start;
    OscillatorNode.prototype.start = function (...when) {
      counted.tones += 1;
      this.addEventListener('ended', () => { counted.ended += 1; });
      return start.apply(this, when);
    };
  });
  const at = (path) => new URL(path, task.url).href;
  await page.goto(at(task.link), { waitUntil: 'load' });
  await Promise.all([
    page.waitForNavigation({ waitUntil: 'load' }),
    page.click('form[action="/sign-in"] button[type=submit]'),
  ]);
  await page.goto(at('/pager'), { waitUntil: 'load' });
  const count = () => page.evaluate(() => ({
    contexts: counted.contexts.map((one) => one.state),
    tones: counted.tones,
    ended: counted.ended,
    open: document.getElementById('pager').dataset.open,
  }));
  const text = () => page.$eval('#pager', (one) => one.textContent);

  await page.click('#sound');
  await page.waitForFunction(() => counted.contexts.some((one) => one.state === 'running'));
  say({ step: 'pressed', ...(await count()), errors });
  await heard();

  // Somebody was paged: it shows by itself and sounds to the end.
  await page.waitForFunction(() => document.getElementById('pager').dataset.open === '1');
  await page.waitForFunction(() => counted.tones > 0 && counted.ended === counted.tones);
  say({ step: 'sounded', ...(await count()), text: await text(), errors });
  await heard();

  // It is answered here, without leaving the page: it is silent, and stays so at the next look.
  await page.click('#pager form button[type=submit]');
  await page.waitForFunction(() => document.getElementById('pager').dataset.open === '0');
  const before = await count();
  const look = await page.waitForResponse(at('/pager'));
  await look.text();
  say({ step: 'silent', before, ...(await count()), text: await text(), errors });
} finally {
  input.close();
  await browser.close();
}
