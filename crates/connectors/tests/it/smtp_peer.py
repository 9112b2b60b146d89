"""A mail relay for tests, on PyPI's aiosmtpd.

Prints one line of JSON with its port when it listens, then one for each letter it takes. Ends when
its standard input ends, so that it never outlives the test. Recipients decide what it answers:
`full@` is refused for now (451), `nobody@` for good (550), `poison@` after the letter's text (554).
With arguments CERTIFICATE KEY it offers STARTTLS; with `implicit` after them, TLS from the start;
with `login` it asks for user `bailee` and password `correct`.
"""

import asyncio
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword


def say(**line):
    print(json.dumps(line), flush=True)


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("full@"):
            return "451 4.2.2 mailbox is full for now"
        if address.startswith("nobody@"):
            return "550 5.1.1 no such\tmailbox"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(self, server, session, envelope):
        if envelope.rcpt_tos[0].startswith("poison@"):
            return "554 5.7.1 the letter is not liked"
        say(
            sender=envelope.mail_from,
            recipients=envelope.rcpt_tos,
            content=envelope.content.decode("utf-8", "replace"),
            tls=session.ssl is not None,
            login=session.auth_data.login.decode() if session.auth_data else None,
        )
        return "250 2.0.0 queued as T42"


def check(server, session, envelope, mechanism, data):
    good = isinstance(data, LoginPassword) and data.login == b"bailee" and data.password == b"correct"
    return AuthResult(success=good, handled=good, auth_data=data if good else None)


async def main(arguments):
    words = [word for word in arguments if word in ("implicit", "login")]
    files = [word for word in arguments if word not in words]
    context = None
    if files:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*files)
    implicit = "implicit" in words

    def relay():
        options = {}
        if "login" in words:
            options = {
                "auth_required": True,
                "authenticator": check,
                "auth_require_tls": not implicit,
            }
        starttls = None if implicit else context
        return SMTP(Handler(), hostname="relay.test", tls_context=starttls, **options)

    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        relay, "127.0.0.1", 0, ssl=context if implicit else None
    )
    say(port=server.sockets[0].getsockname()[1])
    await loop.run_in_executor(None, sys.stdin.read)


asyncio.run(main(sys.argv[1:]))
