// Checks a Bailee log folder with npm's @sigstore/verify, which knows nothing of Bailee.
//
//   BAILEE_TOOLS=target/tools node verify.mjs FOLDER
//
// Checked: the signature of every checkpoint and the inclusion of every receipt's leaf. Exit code 0
// only if all of it holds. Not checked, since the package cannot: tiles, consistency, openings.

import { createPublicKey } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const tools = resolve(process.env.BAILEE_TOOLS ?? join(here, '..', '..', 'target', 'tools'));
const require = createRequire(join(tools, 'package.json'));
const { verifyCheckpoint } = require('@sigstore/verify/dist/tlog/checkpoint.js');
const { verifyMerkleInclusion } = require('@sigstore/verify/dist/tlog/merkle.js');

const folder = process.argv[2];
if (folder === undefined) {
  console.error('usage: verify.mjs FOLDER');
  process.exit(2);
}

// A key in the form the package keeps transparency logs in. Ed25519 as X.509 wraps it (RFC 8410).
const ED25519_SPKI = Buffer.from('302a300506032b6570032100', 'hex');

function logOf(vkey) {
  const [name, id, ...key] = vkey.trim().split('+');
  const typed = Buffer.from(key.join('+'), 'base64');
  if (typed.length !== 33 || typed[0] !== 1) throw new Error('vkey is not Ed25519');
  const der = Buffer.concat([ED25519_SPKI, typed.subarray(1)]);
  return {
    logID: Buffer.from(id, 'hex'),
    baseURL: name,
    publicKey: createPublicKey({ key: der, format: 'der', type: 'spki' }),
  };
}

// The text format is simple enough to read here; the checks themselves are the package's.
function readProof(text) {
  const end = text.indexOf('\n\n');
  const [header, index, ...hashes] = text.slice(0, end).split('\n');
  if (header !== 'c2sp.org/tlog-proof@v1' || !/^index (0|[1-9][0-9]*)$/.test(index)) {
    throw new Error('not a tlog-proof');
  }
  return {
    logIndex: index.slice(6),
    hashes: hashes.map((line) => Buffer.from(line, 'base64')),
    checkpoint: { envelope: text.slice(end + 2) },
  };
}

const trusted = logOf(readFileSync(join(folder, 'vkey'), 'utf8'));
const envelope = readFileSync(join(folder, 'checkpoint'), 'utf8');
const head = verifyCheckpoint({ inclusionProof: { checkpoint: { envelope } } }, [trusted]);
if (head.origin !== trusted.baseURL) throw new Error('checkpoint of another log');

let count = 0;
for (const file of readdirSync(join(folder, 'receipts')).sort()) {
  if (!file.endsWith('.json')) continue;
  const receipt = JSON.parse(readFileSync(join(folder, 'receipts', file), 'utf8'));
  const entry = {
    canonicalizedBody: Buffer.from(receipt.leaf, 'base64'),
    inclusionProof: readProof(receipt.proof),
  };
  const checkpoint = verifyCheckpoint(entry, [trusted]);
  if (checkpoint.origin !== head.origin) throw new Error(`${file}: checkpoint of another log`);
  verifyMerkleInclusion(entry, checkpoint);
  count += 1;
}
if (count === 0) throw new Error('no receipts to check');
console.log(`@sigstore/verify: head of ${head.logSize} entries and ${count} receipts hold`);
