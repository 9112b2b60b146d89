// The pages in a real browser: Debian's Chromium, driven by puppeteer-core, examined by axe-core.
// Says on standard output, as one JSON object, which pages it saw and every problem; whoever
// started it decides what they mean. Reads its task, one JSON object, from standard input.
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { launch, tools } from './chromium.mjs';

const axeSource = readFileSync(tools.resolve('axe-core/axe.min.js'), 'utf8');

const task = JSON.parse(readFileSync(0, 'utf8'));
const problems = [];
const seen = new Set();

const WIDE = { width: 1440, height: 900 };
const NARROW = { width: 360, height: 740 };
/** Pages that a crawl may have; more is a crawl without an end. */
const MOST = 900;
/** Rules whose answer depends on colours, and on where things stand. All others are asked once. */
const BY_COLOUR = ['color-contrast', 'link-in-text-block'];
const BY_PLACE = ['scrollable-region-focusable', 'target-size'];

function problem(where, what) {
  problems.push(`${where}: ${what}`);
}

/** A page of which everything that goes wrong is noted. */
async function open(context) {
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  page.on('pageerror', (error) => problem(page.url(), `script: ${error.message}`));
  page.on('console', (message) => {
    // Chromium repeats the status of a page here; it is checked where the page is asked for.
    const status = message.text().startsWith('Failed to load resource: the server responded');
    if (['error', 'warn'].includes(message.type()) && !status) {
      problem(page.url(), `console: ${message.text()}`);
    }
  });
  page.on('requestfailed', (request) => {
    const why = request.failure()?.errorText;
    // A file that is saved ends the navigation to it.
    if (why !== 'net::ERR_ABORTED') problem(page.url(), `${request.url()} failed: ${why}`);
  });
  page.on('response', (response) => {
    const part = !response.request().isNavigationRequest();
    if (part && response.status() >= 400) problem(response.url(), `status ${response.status()}`);
  });
  await page.setViewport(WIDE);
  await theme(page, 'light');
  return page;
}

function theme(page, value) {
  return page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value }]);
}

async function go(page, target, status = 200) {
  const answer = await page.goto(new URL(target, task.url).href, { waitUntil: 'load' });
  if (answer.status() !== status) problem(target, `status ${answer.status()}, not ${status}`);
}

async function examine(page, where, rules) {
  const violations = await page.evaluate(async (only) => {
    const options = { resultTypes: ['violations'], preload: false };
    options.rules = { 'target-size': { enabled: true } };
    if (only) options.runOnly = { type: 'rule', values: only };
    const found = await axe.run(document, options);
    const shown = (node) => `${node.target.join(' ')} (${node.failureSummary})`;
    return found.violations.map((one) => `${one.id}: ${one.nodes.slice(0, 3).map(shown).join('; ')}`);
  }, rules);
  for (const one of violations) problem(where, `axe ${one.replace(/\s+/g, ' ')}`);
}

async function fits(page, where) {
  const excess = await page.evaluate(() => {
    const root = document.documentElement;
    const over = root.scrollWidth - root.clientWidth;
    if (over <= 0) return null;
    const wide = [...document.querySelectorAll('body *')].find(
      (one) => one.getBoundingClientRect().right > root.clientWidth + 1 && !one.closest('.scroll'),
    );
    return `${over} px too wide, by ${wide?.outerHTML.slice(0, 120)}`;
  });
  if (excess) problem(where, excess);
}

/**
 * The page as it is, in both themes and both widths, with everything unfolded. Unless `all`, light
 * only wide and dark only narrow: for pages of which there are many of a kind.
 */
async function look(page, name, all = true) {
  await page.evaluate(() => {
    for (const one of document.querySelectorAll('details')) one.open = true;
  });
  await page.evaluate(axeSource);
  await examine(page, `${name} light 1440`);
  await theme(page, 'dark');
  if (all) await examine(page, `${name} dark 1440`, BY_COLOUR);
  await page.setViewport(NARROW);
  await fits(page, `${name} 360`);
  await examine(page, `${name} dark 360`, [...BY_PLACE, ...BY_COLOUR]);
  await theme(page, 'light');
  if (all) await examine(page, `${name} light 360`, BY_COLOUR);
  await page.setViewport(WIDE);
}

async function signIn(context, link) {
  const page = await open(context);
  await go(page, link);
  await look(page, '/sign-in?link=');
  await send(page, 'form[action="/sign-in"]');
  if (page.url().includes('sign-in')) problem('/sign-in', 'the link begins no session');
  return page;
}

/** Sends a form, and waits for what comes back. */
async function send(page, form) {
  const [answer] = await Promise.all([
    page.waitForNavigation({ waitUntil: 'load' }),
    page.click(`${form} button[type=submit]`),
  ]);
  return answer.status();
}

/** Writes into a field, over what stands there. */
async function write(page, field, text) {
  await page.click(field, { count: 3 });
  await page.type(field, text);
}

/** Where a page leads; a file is no page. */
function links(page) {
  const places = (all) => all.map((one) => one.getAttribute('href'));
  return page.$$eval('a[href^="/"]:not([download])', places);
}

/** Follows every link from the board, wave by wave in two tabs, and looks at each page. */
async function crawl(context) {
  const known = new Set(['/']);
  let wave = ['/'];
  while (wave.length > 0) {
    const now = wave;
    wave = [];
    const tab = async () => {
      const page = await open(context);
      for (let target = now.pop(); target !== undefined; target = now.pop()) {
        await go(page, target);
        for (const link of await links(page)) {
          const place = link.split('#')[0];
          if (known.has(place)) continue;
          known.add(place);
          wave.push(place);
        }
        // Rows, forms and obligations are many of a kind.
        await look(page, target, target.lastIndexOf('/') === 0);
        seen.add(target);
      }
      await page.close();
    };
    await Promise.all([tab(), tab()]);
    if (known.size > MOST) throw new Error(`more than ${MOST} pages: does the crawl end?`);
  }
}

/** Adds a system that nobody owns; gives the status of what comes back. */
async function refused(page) {
  await go(page, '/systems/new');
  await write(page, '#add-name', 'queue-1');
  await page.select('#add-kind', 'host');
  await write(page, '#add-purpose', 'hands on what is to be done');
  await write(page, '#add-owner', 'person:nobody');
  return send(page, '#add');
}

/** What a visit has to lead to besides the pages that are linked: errors, refusals, secrets. */
async function answers(page) {
  for (const [target, status] of [
    ['/nothing', 404],
    ['/systems/none', 404],
    ['/measures/E9.9', 404],
    ['/find?q=%FF', 422],
    ['/find?q=encrypt', 200],
    ['/systems?q=zz&state=bad', 200],
  ]) {
    await go(page, target, status);
    await look(page, target);
  }
  await refused(page);
  await look(page, 'a form, refused');
  await go(page, '/systems');
  await page.click('summary');
  await write(page, '#csv', 'name,kind,purpose,owner\nweb-1,host,pages,person:lea\n-,toaster,x,y\n');
  if ((await send(page, 'form[action="/systems/import"]')) !== 422) problem('import', 'accepted');
  await look(page, 'an import, one row refused');
  await go(page, '/people/omar');
  await page.click('details:has(#invite) summary');
  await send(page, '#invite');
  if (!(await page.$('input.secret'))) problem('/people/omar/invite', 'shows no link');
  await look(page, 'a secret that is shown once');
}

async function strangers(browser) {
  const context = await browser.createBrowserContext();
  const page = await open(context);
  for (const [target, status] of [
    ['/trust', 200],
    ['/sign-in', 200],
    ['/sign-in?link=bailee_none', 401],
    ['/systems', 401],
    [`/acknowledge/notice-000000000000/${'0'.repeat(64)}`, 200],
  ]) {
    await go(page, target, status);
    await look(page, `a stranger at ${target}`);
  }
  await context.close();
}

/** Somebody of a subscriber: every page that is linked, and one that is not theirs. */
async function member(browser) {
  const context = await browser.createBrowserContext();
  const page = await signIn(context, task.member);
  await crawl(context);
  await go(page, '/systems', 403);
  await look(page, 'a member at /systems');
  await picture(page, 'account', '/account', WIDE, 'light');
  await context.close();
}

/** Signs in, adds, is refused, takes a step and chooses a theme, without any script. */
async function withoutScripts(browser) {
  const context = await browser.createBrowserContext();
  const page = await open(context);
  await page.setJavaScriptEnabled(false);
  const must = (held, what) => held || problem('without scripts', what);
  await go(page, task.plain);
  await send(page, 'form[action="/sign-in"]');
  must((await page.$('.squares')) !== null, 'no board after signing in');
  must((await refused(page)) === 422, 'an owner that nobody is was accepted');
  const kept = await page.$$eval('#add-name, #add-kind, #add-purpose, #add-owner', (all) =>
    all.map((one) => one.value).join('|'));
  must(kept === 'queue-1|host|hands on what is to be done|person:nobody', `typed, kept: ${kept}`);
  const error = await page.$eval('#add-owner', (one) =>
    [one.ariaInvalid, document.getElementById(`${one.id}-error`)?.textContent].join(' '));
  must(/^true .*nobody/.test(error), `at the field: ${error}`);
  must((await page.$('[role=alert] a[href="#add-owner"]')) !== null, 'no way to the field');
  await write(page, '#add-owner', 'person:lea');
  must((await send(page, '#add')) === 200, 'the mended form was refused');
  must((await page.$('.done a[href^="/receipts/"]')) !== null, 'no receipt of the new row');
  await page.click('details:has(#retire) summary');
  await write(page, '#retire-reason', 'replaced by queue-2');
  must((await send(page, '#retire')) === 200, 'the step was refused');
  must((await page.$('.done a[href^="/receipts/"]')) !== null, 'no receipt of the step');
  must((await page.$eval('.standing', (one) => one.textContent)).includes('retired'), 'no step');
  await page.select('#theme', 'dark');
  await write(page, '#zone', 'America/New_York');
  await send(page, 'form.preferences');
  const chosen = await page.$eval('html', (one) => one.dataset.theme);
  const ground = await page.$eval('body', (one) => getComputedStyle(one).backgroundColor);
  must(chosen === 'dark' && ground === 'rgb(20, 23, 26)', `theme ${chosen}, ground ${ground}`);
  must(/E[SD]T/.test(await page.$eval('.record', (one) => one.textContent)), 'another zone');
  await context.close();
}

/** What the keyboard does: the way past the top, a focus that shows, and the keys of the help. */
async function keyboard(page) {
  const must = (held, what) => held || problem('keyboard', what);
  const active = () => page.evaluate(() => document.activeElement.id);
  await go(page, '/');
  await page.keyboard.press('Tab');
  const skip = await page.evaluate(() => document.activeElement.getBoundingClientRect().left);
  must(skip >= 0, 'the first stop is not to be seen');
  await page.keyboard.press('Enter');
  must((await active()) === 'main', `the way past the top leads to ${await active()}`);
  for (let stop = 0; stop < 40; stop += 1) {
    await page.keyboard.press('Tab');
    const hidden = await page.evaluate(() => {
      const one = document.activeElement;
      const style = getComputedStyle(one);
      const shows = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
      return one === document.body || shows ? null : one.outerHTML.slice(0, 120);
    });
    must(hidden === null, `no focus shows on ${hidden}`);
  }
  await go(page, '/systems');
  await page.keyboard.press('/');
  must((await active()) === 'q', '`/` does not lead to the search');
  await page.keyboard.type('?gs/');
  must((await page.$eval('#q', (one) => one.value)) === '?gs/', 'keys act while somebody types');
  await page.focus('main');
  await page.keyboard.type('?');
  must((await page.$('#keys[open]')) !== null, '`?` opens no help');
  await look(page, 'the keys');
  await page.keyboard.press('Escape');
  must((await page.$('#keys[open]')) === null, 'Escape does not close the help');
  const place = await page.$eval('[data-go=b]', (one) => one.href);
  await Promise.all([page.waitForNavigation(), page.keyboard.type('gb')]);
  must(page.url() === place, '`g` `b` does not go to the board');
}

/** The room of an incident on a telephone: nothing sticks out, and what is drawn scrolls by itself. */
async function room(page) {
  const must = (held, what) => held || problem('the room at 360', what);
  await page.setViewport(NARROW);
  await go(page, task.room);
  const [wide, drawn, crushed] = await page.evaluate(() => {
    const root = document.scrollingElement;
    const plots = [...document.querySelectorAll('svg.plot')];
    const small = plots.filter((one) => one.getBoundingClientRect().width < 500);
    return [root.scrollWidth - innerWidth, plots.length, small.length];
  });
  must(wide <= 0, `${wide} px too wide`);
  must(drawn > 0, 'no plot is drawn');
  must(crushed === 0, `${crushed} plots too small to be read`);
  await page.setViewport(WIDE);
}

/** What somebody is handed as a file, opened from a disk. */
async function file(browser) {
  const context = await browser.createBrowserContext();
  const page = await open(context);
  await page.goto(`file://${task.file}`, { waitUntil: 'load' });
  await look(page, 'incident.html');
  await page.setViewport(NARROW);
  // A word is not broken into letters to make a table fit.
  const crushed = await page.$$eval('td', (all) =>
    all.filter((one) => one.textContent.length > 3 && one.clientWidth < 40).length);
  if (crushed > 0) problem('incident.html at 360', `${crushed} cells are crushed`);
  await context.close();
}

/** A picture for the documentation, of what is seen first; small in bytes too. */
async function picture(page, name, target, viewport, scheme) {
  // Wide ones at half size: they show how a page is made up, not each word.
  const [height, deviceScaleFactor] = viewport === WIDE ? [640, 0.5] : [520, 1];
  await page.setViewport({ ...viewport, height, deviceScaleFactor });
  await theme(page, scheme);
  await go(page, target);
  const path = join(task.pictures, `${name}-${scheme}-${viewport.width}.png`);
  await page.screenshot({ path });
  await page.setViewport(WIDE);
  await theme(page, 'light');
}

/** An examination that finds nothing anywhere would pass for a good page. */
async function examined(browser) {
  const page = await browser.newPage();
  const bad = '<p style="color:#ccc">faint</p><input><p style="width:2000px">wide</p>';
  await page.setContent(`<!doctype html><body style="background:#fff">${bad}`);
  await page.setViewport(NARROW);
  await page.evaluate(axeSource);
  await examine(page, 'a bad page');
  await fits(page, 'a bad page');
  const found = problems.splice(0).join();
  for (const what of ['color-contrast', 'label', 'too wide']) {
    if (!found.includes(what)) problem('the examination', `does not see ${what}: ${found}`);
  }
  await page.close();
}

mkdirSync(task.pictures, { recursive: true });
const browser = await launch(task);
try {
  await examined(browser);
  await strangers(browser);
  const context = await browser.createBrowserContext();
  const page = await signIn(context, task.team);
  await crawl(context);
  await answers(page);
  await keyboard(page);
  for (const [name, target, viewport, scheme] of task.shown) {
    await picture(page, name, target, viewport === 360 ? NARROW : WIDE, scheme);
  }
  await room(page);
  await context.close();
  await file(browser);
  await member(browser);
  await withoutScripts(browser);
} finally {
  await browser.close();
}
console.log(JSON.stringify({ seen: [...seen], problems }));
