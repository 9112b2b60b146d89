// A receiver of security events for tests (RFC 8935): checks each with npm `jose` against the keys that its
// transmitter publishes. The first line on standard input sets it up; each further one says how the next events
// are answered, and asks for what came.
import { createServer } from 'node:https';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const tools = createRequire(join(process.env.BAILEE_TOOLS, 'node_modules/any'));
const jose = await import(pathToFileURL(tools.resolve('jose')).href);

const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const task = JSON.parse((await lines.next()).value);

const came = [];
let waiting = () => {};
let refuse = null;
let keys;
let transmitter;

// What the transmitter says of itself leads to its keys; its authority is in NODE_EXTRA_CA_CERTS.
async function discover() {
  transmitter = await (await fetch(`${task.transmitter}/.well-known/ssf-configuration`)).json();
  keys = jose.createRemoteJWKSet(new URL(transmitter.jwks_uri));
}

async function take(request, body) {
  if (!keys) await discover();
  const event = { type: request.headers['content-type'], accept: request.headers.accept,
    bearer: request.headers.authorization ?? null };
  try {
    const { payload, protectedHeader } = await jose.jwtVerify(body, keys, {
      issuer: transmitter.issuer, audience: task.audience, typ: 'secevent+jwt', algorithms: ['ES256'],
    });
    came.push({ ...event, payload, header: protectedHeader });
  } catch (error) {
    came.push({ ...event, error: String(error) });
    return [400, { err: 'invalid_key', description: String(error) }];
  }
  if (refuse) return refuse;
  return [202, null];
}

const server = createServer({ key: readFileSync(task.key), cert: readFileSync(task.cert) }, async (request, response) => {
  const parts = [];
  for await (const part of request) parts.push(part);
  const [status, said] = await take(request, Buffer.concat(parts).toString());
  response.writeHead(status, said ? { 'content-type': 'application/json' } : {});
  response.end(said ? JSON.stringify(said) : '');
  waiting();
});
await new Promise((done) => server.listen(task.port ?? 0, '127.0.0.1', done));
say({ port: server.address().port });

const acts = {
  // From now on events are answered so; null takes them.
  refuse: async (how) => { refuse = how; return {}; },
  // The next event, once it came.
  next: async () => {
    while (came.length === 0) await new Promise((done) => { waiting = done; });
    return { event: came.shift(), transmitter };
  },
  count: async () => ({ count: came.length }),
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
