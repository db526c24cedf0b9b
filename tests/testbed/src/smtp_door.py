"""A mail server that keeps what one user sends. Each step of the dialogue is a line that begins with `door: `.

Arguments: address, port, directory of mails, name, password, and for STARTTLS the files of a certificate and its key.
"""

import asyncio
import ssl
import sys

from aiosmtpd.handlers import Mailbox
from aiosmtpd.smtp import SMTP, AuthResult

address, port, directory, name, password, *tls = sys.argv[1:]


def say(session, step):
    print(f"door: {step} in {'TLS' if session.ssl else 'clear'}", flush=True)


class Door(Mailbox):
    async def handle_EHLO(self, server, session, envelope, hostname, responses):
        say(session, "EHLO")
        session.host_name = hostname
        return responses

    async def handle_MAIL(self, server, session, envelope, sender, options):
        say(session, "MAIL")
        envelope.mail_from = sender
        envelope.mail_options.extend(options)
        return "250 OK"


def let_in(server, session, envelope, mechanism, login):
    good = (login.login, login.password) == (name.encode(), password.encode())
    say(session, f"AUTH {mechanism} by {login.login.decode()} {'accepted' if good else 'refused'}")
    return AuthResult(success=good, handled=False)


context = None
if tls:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*tls)
door = Door(directory)


def smtp():
    return SMTP(
        door,
        tls_context=context,
        require_starttls=context is not None,
        authenticator=let_in,
        # Its LOGIN asks for the name in words that Alertmanager does not know, and that other servers do not use.
        auth_exclude_mechanism=["LOGIN"],
        auth_required=True,
        auth_require_tls=context is not None,
        enable_SMTPUTF8=True,
    )


loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)
loop.run_until_complete(loop.create_server(smtp, address, int(port)))
loop.run_forever()
