// Debian's Chromium, driven by puppeteer-core, that believes the one server of the test.
import { createHash, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { connect } from 'node:tls';

/** What `cargo xtask test` installed. */
export const tools = createRequire(join(process.env.BAILEE_TOOLS, 'node_modules/any'));
const puppeteer = tools('puppeteer-core');

/** The key of the server's certificate, which `ca` has to have signed, as Chromium pins it. */
function pin(url, ca) {
  return new Promise((done, failed) => {
    const { hostname, port } = new URL(url);
    const socket = connect({ host: hostname, port, ca: readFileSync(ca) }, () => {
      const leaf = new X509Certificate(socket.getPeerCertificate().raw);
      socket.end();
      const key = leaf.publicKey.export({ type: 'spki', format: 'der' });
      done(createHash('sha256').update(key).digest('base64'));
    });
    socket.on('error', failed);
  });
}

export async function launch(task) {
  // Chromium reads authorities from a database of the user that this machine may not have, so it is
  // told the one key to accept. That this key is the server's was checked above, with its authority.
  const others = (task.also ?? []).map(({ url, ca }) => pin(url, ca));
  const keys = (await Promise.all([pin(task.url, task.ca), ...others])).join(',');
  return puppeteer.launch({
    executablePath: task.chromium,
    // Without a sandbox because tests run as root, where Chromium has none. It opens our pages only.
    args: ['--no-sandbox', `--ignore-certificate-errors-spki-list=${keys}`],
    env: { ...process.env, TZ: 'Europe/Berlin' },
  });
}

/** Gives a page the authenticators that Chromium has for tests; answers how to add one, and its session. */
export async function authenticators(page) {
  const devices = await page.createCDPSession();
  await devices.send('WebAuthn.enable');
  const add = async (options = {}) => {
    const { authenticatorId } = await devices.send('WebAuthn.addVirtualAuthenticator', {
      options: {
        protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true,
        isUserVerified: true, automaticPresenceSimulation: true, ...options,
      },
    });
    return authenticatorId;
  };
  return { devices, add };
}
