"""Where digests arrive in tests: a mail server and a web server of chats, real ones, that keep what they got."""

import json
import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.support.certificates import Certificate

GREETING = "220 test ESMTP"


@dataclass
class Mailbox:
    """A mail server. says: verb → replies that it gives instead of its own, the first one first; "" hangs up."""

    port: int = 0
    letters: list[EmailMessage] = field(default_factory=list)
    verbs: list[str] = field(default_factory=list)
    says: dict[str, list[str]] = field(default_factory=dict)
    refuses: dict[str, list[str]] = field(default_factory=dict)
    """Recipient → replies that it gives instead of taking it, the first one first."""


class _Handler(socketserver.StreamRequestHandler):
    """One connection to the mail server."""

    server: "_MailServer"

    def handle(self) -> None:
        self.box = self.server.box
        if not self._said("CONNECT"):
            self._answer(GREETING)
        while line := self.rfile.readline().decode().strip():
            verb = line.split()[0].upper()
            self.box.verbs.append(verb)
            reply = self._said(verb)
            if verb == "RCPT" and (replies := self.box.refuses.get(line.partition("<")[2].partition(">")[0])):
                self._answer(reply := replies.pop(0))
            if reply == "" or (reply is None and not self._usual(verb)):
                return

    def _said(self, verb: str) -> str | None:
        """What it was told to say instead, once it has said it."""
        replies = self.box.says.get(verb)
        reply = replies.pop(0) if replies else None
        if reply:
            self._answer(reply)
        return reply

    def _usual(self, verb: str) -> bool:
        usual = {"EHLO": "250-test\r\n250 AUTH PLAIN", "AUTH": "235 in", "QUIT": "221 bye", "DATA": "354 go on"}
        self._answer(usual.get(verb, "250 ok"))
        if verb == "DATA":
            content = b""
            while (line := self.rfile.readline()) not in {b".\r\n", b""}:
                content += line.removeprefix(b".") if line.startswith(b"..") else line
            if self._said("END") == "":
                return False
            found = message_from_bytes(content, policy=policy.default)
            assert isinstance(found, EmailMessage)
            self.box.letters.append(found)
            self._answer("250 taken")
        return verb != "QUIT"

    def _answer(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


class _MailServer(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, box: Mailbox) -> None:
        self.box = box
        super().__init__(("127.0.0.1", 0), _Handler)


@contextmanager
def mailbox() -> Iterator[Mailbox]:
    """A running mail server."""
    box = Mailbox()
    with _MailServer(box) as server:
        box.port = server.server_address[1]
        with serving(server):
            yield box


@dataclass
class Chats:
    """Slack and Telegram. answers: what it says instead of ok, the first one first; None hangs up."""

    url: str = ""
    got: list[tuple[str, str, bytes]] = field(default_factory=list)
    answers: list[tuple[int, dict[str, str], bytes] | None] = field(default_factory=list)

    def content(self, number: int = -1) -> Any:
        """What was posted, as JSON."""
        return json.loads(self.got[number][2])


@contextmanager
def chats(proof: Certificate | None = None) -> Iterator[Chats]:
    """Running ones, over https where there is something to prove who they are."""
    found = Chats()

    class TellingHandler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["content-length"]))
            found.got.append((self.path, self.headers["content-type"], content))
            answer = found.answers.pop(0) if found.answers else _usual(self.path)
            if answer is None:
                return
            status, headers, body = answer
            self.send_response(status)
            for name, value in {"content-length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), TellingHandler) as server:
        found.url = f"{'https' if proof else 'http'}://127.0.0.1:{server.server_address[1]}"
        if proof:
            server.socket = _encrypted(server.socket, proof)
        with serving(server):
            yield found


def _encrypted(listening: socket.socket, proof: Certificate) -> ssl.SSLSocket:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(proof.cert, proof.key)
    return context.wrap_socket(listening, server_side=True)


def _usual(path: str) -> tuple[int, dict[str, str], bytes]:
    """As both answer: Slack in plain text, Telegram in JSON."""
    sent = b'{"ok":true,"result":{"message_id":1,"date":1,"chat":{"id":-100,"type":"group"}}}'
    return (200, {}, sent) if path.startswith("/bot") else (200, {}, b"ok")


@contextmanager
def serving(server: socketserver.BaseServer) -> Iterator[None]:
    """While it lasts, the server answers."""
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
