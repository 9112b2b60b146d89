// A program that signs somebody in by the device authorization grant (RFC 8628) with proofs of its key (RFC 9449):
// npm `oauth4webapi` for what is right, npm `jose` for what somebody could forge. Says one JSON value a line; reads
// a line before it goes on where somebody else has to act.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const tools = createRequire(join(process.env.BAILEE_TOOLS, 'node_modules/any'));
const load = async (name) => import(pathToFileURL(tools.resolve(name)).href);
const oauth = await load('oauth4webapi');
const jose = await load('jose');

const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const told = async () => (await lines.next()).value;

const issuer = new URL(process.argv[2]);
const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { algorithm: 'oauth2' }));
const client = { client_id: 'bailee-cli' };
const none = oauth.None();

const pair = await oauth.generateKeyPair('ES256', { extractable: true });
const DPoP = oauth.DPoP(client, pair);

const begin = async () => {
  const answer = await oauth.deviceAuthorizationRequest(as, client, none, new URLSearchParams());
  return oauth.processDeviceAuthorizationResponse(as, client, answer);
};
const ask = async (code, more = {}) => {
  const send = () => oauth.deviceCodeGrantRequest(as, client, none, code, { DPoP, ...more });
  const read = async () => oauth.processDeviceCodeResponse(as, client, await send());
  try {
    return await read().catch((error) => (oauth.isDPoPNonceError(error) ? read() : Promise.reject(error)));
  } catch (error) {
    return { error: error.error ?? String(error) };
  }
};

const codes = await begin();
say({ codes, early: [(await ask(codes.device_code)).error, (await ask(codes.device_code)).error] });
await told();
let token = {};
for (let left = 12; left > 0 && !token.access_token; left -= 1) {
  // The pace is the protocol's own.
  await new Promise((next) => setTimeout(next, codes.interval * 1000));
  token = await ask(codes.device_code);
}
say({ token, again: (await ask(codes.device_code)).error });

const place = new URL('/v1/measures', issuer);
const get = async () => {
  const send = () => oauth.protectedResourceRequest(token.access_token, 'GET', place, new Headers(), null, { DPoP });
  try {
    return (await send().catch((error) => (oauth.isDPoPNonceError(error) ? send() : Promise.reject(error)))).status;
  } catch (error) {
    return error.response?.status ?? error.status ?? String(error);
  }
};
say({ get: await get() });

// Proofs that differ from a right one in one thing.
const jwk = await jose.exportJWK(pair.publicKey);
const hash = Buffer.from(await crypto.subtle.digest('SHA-256', Buffer.from(token.access_token))).toString('base64url');
const nonce = async () => {
  const answer = await fetch(place, { headers: { authorization: `DPoP ${token.access_token}`, dpop: await proof({ nonce: undefined }) } });
  return answer.headers.get('dpop-nonce');
};
let number = 0;
async function proof({ header = {}, by = pair.privateKey, alg = 'ES256', ...claims }) {
  number += 1;
  const all = { htm: 'GET', htu: place.href, jti: `own-${number}`, iat: Math.floor(Date.now() / 1000), ath: hash, ...claims };
  for (const name of Object.keys(all)) if (all[name] === undefined) delete all[name];
  const full = { typ: 'dpop+jwt', alg, jwk, ...header };
  if (by === 'nobody') {
    const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
    return `${part({ ...full, alg: 'none' })}.${part(all)}.`;
  }
  return new jose.SignJWT(all).setProtectedHeader(full).sign(by);
}
const try_ = async (how, scheme = 'DPoP') => {
  const headers = { authorization: `${scheme} ${token.access_token}` };
  if (how) headers.dpop = how;
  const answer = await fetch(place, { headers });
  return [answer.status, answer.headers.get('www-authenticate') ?? ''];
};
const fresh = await nonce();
const other = await jose.generateKeyPair('ES256', { extractable: true });
const rsa = await jose.generateKeyPair('RS256', { extractable: true });
const now = Math.floor(Date.now() / 1000);
const forged = {
  good: await try_(await proof({ nonce: fresh })),
  bearer: await try_(null, 'Bearer'),
  bare: await try_(null),
  other: await try_(await proof({ nonce: fresh, by: other.privateKey, header: { jwk: await jose.exportJWK(other.publicKey) } })),
  swapped: await try_(await proof({ nonce: fresh, by: other.privateKey })),
  private: await try_(await proof({ nonce: fresh, header: { jwk: await jose.exportJWK(pair.privateKey) } })),
  nobody: await try_(await proof({ nonce: fresh, by: 'nobody' })),
  secret: await try_(await proof({ nonce: fresh, alg: 'HS256', by: Buffer.alloc(32) })),
  rsa: await try_(await proof({ nonce: fresh, alg: 'RS256', by: rsa.privateKey, header: { jwk: await jose.exportJWK(rsa.publicKey) } })),
  kind: await try_(await proof({ nonce: fresh, header: { typ: 'jwt' } })),
  method: await try_(await proof({ nonce: fresh, htm: 'POST' })),
  address: await try_(await proof({ nonce: fresh, htu: new URL('/v1/people', issuer).href })),
  token: await try_(await proof({ nonce: fresh, ath: 'x' })),
  noToken: await try_(await proof({ nonce: fresh, ath: undefined })),
  old: await try_(await proof({ nonce: fresh, iat: now - 120 })),
  early: await try_(await proof({ nonce: fresh, iat: now + 120 })),
  noId: await try_(await proof({ nonce: fresh, jti: undefined })),
  noNonce: await try_(await proof({ nonce: undefined })),
  ownNonce: await try_(await proof({ nonce: 'made-up' })),
};
const twice = await proof({ nonce: fresh });
forged.first = await try_(twice);
forged.second = await try_(twice);
say({ forged });
await told();
say({ left: await get() });
process.exit(0);
