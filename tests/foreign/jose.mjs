// npm `jose` signs the claims on standard input with a new key of each algorithm that is taken, and gives the
// tokens with their public keys.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const tools = createRequire(join(process.env.BAILEE_TOOLS, 'node_modules/any'));
const jose = await import(pathToFileURL(tools.resolve('jose')).href);
const claims = JSON.parse(readFileSync(0, 'utf8'));
const made = [];
for (const alg of ['ES256', 'EdDSA', 'Ed25519', 'RS256', 'PS256']) {
  const { publicKey, privateKey } = await jose.generateKeyPair(alg, { extractable: true });
  const token = await new jose.SignJWT(claims).setProtectedHeader({ alg, kid: alg, typ: 'JWT' }).sign(privateKey);
  made.push({ alg, token, jwk: { ...(await jose.exportJWK(publicKey)), kid: alg, alg, use: 'sig' } });
}
console.log(JSON.stringify(made));
