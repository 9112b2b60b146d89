// A provider of identities for tests: npm `oidc-provider` over HTTPS, which signs in whom it is told to. The
// first line on standard input sets it up; each further one is something to do, answered by one line.
import { createServer, request } from 'node:https';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const tools = createRequire(join(process.env.BAILEE_TOOLS, 'node_modules/any'));
const load = async (name) => import(pathToFileURL(tools.resolve(name)).href);
// Standard output is for answers alone.
console.log = console.info = console.warn = console.error;
const { default: Provider } = await load('oidc-provider');
const jose = await load('jose');

const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const task = JSON.parse((await lines.next()).value);

const key = async (alg, kid) => {
  const pair = await jose.generateKeyPair(alg, { extractable: true });
  return { ...(await jose.exportJWK(pair.privateKey)), alg, kid, use: 'sig' };
};
const own = [];
for (const alg of task.algorithms) own.push(await key(alg, `own-${alg}`));
const other = await key(task.algorithms[0], `own-${task.algorithms[0]}`);

let as = { accountId: 'nobody' };
let spoil = null;

// Signs whatever it is told to, so that what is forged differs in one thing only.
async function sign({ header = {}, claims, by = 'own', secret }) {
  const payload = Buffer.from(JSON.stringify(claims));
  if (by === 'nobody') {
    const part = (value) => Buffer.from(value).toString('base64url');
    return `${part(JSON.stringify({ alg: 'none', ...header }))}.${part(payload)}.`;
  }
  if (by === 'secret') {
    const full = { alg: 'HS256', kid: own[0].kid, ...header };
    return new jose.CompactSign(payload).setProtectedHeader(full).sign(Buffer.from(secret));
  }
  const jwk = by === 'own' ? own[0] : other;
  const full = { alg: jwk.alg, kid: jwk.kid, ...header };
  for (const name of Object.keys(full)) if (full[name] === null) delete full[name];
  const { alg: _, ...plain } = jwk;
  const signed = await jose.importJWK(plain, full.alg);
  return new jose.CompactSign(payload).setProtectedHeader(full).sign(signed);
}

const server = createServer({ key: readFileSync(task.key), cert: readFileSync(task.cert) });
await new Promise((done) => server.listen(task.port ?? 0, '127.0.0.1', done));
const issuer = `https://localhost:${server.address().port}`;

// A provider tells others by itself; the one it tells here is believed by an authority of its own.
const post = (url, options) => new Promise((done, failed) => {
  const { method = 'GET', headers, body } = options;
  const asked = request(url, { method, headers: Object.fromEntries(new Headers(headers)), ca: readFileSync(task.ca) });
  asked.on('error', failed);
  asked.on('response', async (answer) => {
    const parts = [];
    for await (const part of answer) parts.push(part);
    if (method === 'POST') told.push(answer.statusCode);
    done(new Response(Buffer.concat(parts), { status: answer.statusCode, headers: { 'content-type': answer.headers['content-type'] ?? 'text/plain' } }));
  });
  asked.end(body === undefined || body === null ? undefined : String(body));
});
const told = [];

const client = task.jwks
  ? { token_endpoint_auth_method: 'private_key_jwt', jwks_uri: task.jwks, token_endpoint_auth_signing_alg: 'ES256' }
  : { token_endpoint_auth_method: task.method ?? 'client_secret_basic', client_secret: task.secret };

const provider = new Provider(issuer, {
  clients: [{
    client_id: task.client, ...client, redirect_uris: [task.redirect],
    grant_types: ['authorization_code'], response_types: ['code'],
    id_token_signed_response_alg: task.algorithms[0],
    backchannel_logout_uri: task.logout, backchannel_logout_session_required: task.session ?? true,
  }],
  enabledJWA: { idTokenSigningAlgValues: ['ES256', 'EdDSA', 'Ed25519', 'RS256', 'PS256'] },
  jwks: { keys: own },
  cookies: { keys: ['for tests'] },
  features: {
    devInteractions: { enabled: false }, backchannelLogout: { enabled: true },
    rpInitiatedLogout: { enabled: true, logoutSource: async (ctx, form) => { ctx.body = form; } },
  },
  acrValues: ['mfa'],
  claims: { acr: null, amr: null, auth_time: null, iss: null, sid: null, openid: ['sub'] },
  fetch: post,
  findAccount: async (_, id) => ({ accountId: id, claims: async () => ({ sub: id }) }),
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  // What an access token is good for is of no interest here.
  loadExistingGrant: async (ctx) => {
    const grant = new provider.Grant({
      clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId,
    });
    grant.addOIDCScope('openid');
    await grant.save();
    return grant;
  },
});
provider.use(async (ctx, next) => {
  await next();
  if (spoil && ctx.path === '/token' && ctx.body?.id_token) {
    const claims = jose.decodeJwt(ctx.body.id_token);
    const changed = { ...claims, ...spoil.claims };
    for (const name of spoil.without ?? []) delete changed[name];
    ctx.body.id_token = await sign({ ...spoil, claims: changed });
  }
});
provider.on('server_error', (_, error) => console.error(error));
const answer = provider.callback();
server.on('request', async (asked, response) => {
  if (!asked.url.startsWith('/interaction/')) return answer(asked, response);
  try {
    await provider.interactionFinished(asked, response, { login: as });
  } catch (error) {
    response.writeHead(500).end(String(error));
  }
});
say({ issuer });

const now = () => Math.floor(Date.now() / 1000);
const acts = {
  // From now on it is them.
  as: async (account) => { as = account; return {}; },
  sign: async (wish) => ({ token: await sign(wish) }),
  // From now on ID tokens differ so.
  spoil: async (how) => { spoil = how; return {}; },
  // What others answered to what it told them.
  told: async () => ({ told: told.splice(0) }),
  now: async () => ({ now: now() }),
  // The next key is the one it signs with.
  key: async () => ({ kid: own[0].kid, jwk: own.map(({ kty, crv, x, y, n, e, alg, kid, use }) => ({ kty, crv, x, y, n, e, alg, kid, use })) }),
};
for await (const line of lines) {
  const [act, argument] = JSON.parse(line);
  try {
    say(await acts[act](argument));
  } catch (error) {
    say({ error: String(error) });
  }
}
process.exit(0);
