// What a cluster's API server does with a client certificate, on Node's TLS: it trusts one authority,
// takes the common name for the user and each organization for a group. It reads no list of what is
// revoked, as the real one does not.
//
// usage: node cluster.mjs KEY CERTIFICATE AUTHORITY; prints its port.
import { readFileSync } from "node:fs";
import { createServer } from "node:https";

const [key, cert, ca] = process.argv.slice(2).map((path) => readFileSync(path));

const server = createServer({ key, cert, ca, requestCert: true, rejectUnauthorized: false });
server.on("request", (request, response) => {
  const status = (code, body) => {
    response.writeHead(code, { "content-type": "application/json" });
    response.end(JSON.stringify(body));
  };
  const { socket } = request;
  if (!socket.authorized) {
    return status(401, {
      kind: "Status",
      apiVersion: "v1",
      status: "Failure",
      reason: "Unauthorized",
      message: String(socket.authorizationError),
      code: 401,
    });
  }
  const of = socket.getPeerCertificate();
  status(200, {
    user: of.subject.CN,
    groups: [of.subject.O].flat(),
    until: new Date(of.valid_to).toISOString(),
  });
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
