"""Digests by mail: a page and the same as text, over SMTP."""

import hashlib
import smtplib
import ssl
from contextlib import suppress
from email.message import EmailMessage
from email.utils import formatdate

from metrics.digest.certificates import not_accepted
from metrics.digest.delivery import LaterError, Message, RefusedError, UnsureError
from metrics.digest.page import subject
from metrics.digest.plain import plain
from metrics.digest.settings import DigestSettings

_SECONDS = 30
_TEMPORARY = range(400, 500)


class Mail:
    """One address, by the mail server of the settings."""

    def __init__(self, settings: DigestSettings, to: str) -> None:
        self._settings = settings
        self._to = to

    def send(self, message: Message) -> None:
        """Deliver it to the mail server."""
        letter = self._letter(message)
        try:
            server = self._connected()
            try:
                self._deliver(server, letter)
            finally:
                with suppress(smtplib.SMTPException, OSError):
                    server.quit()  # it has the letter: how it takes leave changes nothing
        except smtplib.SMTPResponseException as error:
            told = f"the mail server says {error.smtp_code} {_text(error.smtp_error)}"
            raise (LaterError if error.smtp_code in _TEMPORARY else RefusedError)(told) from None
        except smtplib.SMTPNotSupportedError as error:
            raise RefusedError(f"the mail server cannot do it: {error} See SALES_DIGEST_SMTP_SECURITY") from None
        except ssl.SSLCertVerificationError as error:
            raise RefusedError(f"the mail server: {not_accepted(error)}") from None
        except (smtplib.SMTPServerDisconnected, ssl.SSLEOFError, ssl.SSLZeroReturnError) as error:
            raise LaterError(self._silent(error)) from None
        except ssl.SSLError as error:
            raise RefusedError(f"the way to the mail server cannot be encrypted: {error.reason}") from None
        except smtplib.SMTPException as error:
            raise RefusedError(f"the mail server cannot be used: {error}") from None
        except OSError as error:
            raise LaterError(self._silent(error)) from None

    def _silent(self, error: Exception) -> str:
        return f"the mail server at {self._settings.digest_smtp} does not answer: {type(error).__name__}"

    def _deliver(self, server: smtplib.SMTP, letter: EmailMessage) -> None:
        try:
            server.send_message(letter, self._settings.digest_from, [self._to])
        except smtplib.SMTPRecipientsRefused as error:
            code, told = next(iter(error.recipients.values()))
            raise smtplib.SMTPResponseException(code, told) from None
        except (smtplib.SMTPServerDisconnected, TimeoutError) as error:
            raise UnsureError(f"the mail server ended without an answer: {type(error).__name__}") from None

    def _connected(self) -> smtplib.SMTP:
        settings = self._settings
        host, _, port = settings.digest_smtp.rpartition(":")
        if settings.digest_smtp_security == "tls":
            context = ssl.create_default_context()
            server: smtplib.SMTP = smtplib.SMTP_SSL(host.strip("[]"), int(port), timeout=_SECONDS, context=context)
        else:
            server = smtplib.SMTP(host.strip("[]"), int(port), timeout=_SECONDS)
        try:
            if settings.digest_smtp_security == "starttls":
                server.starttls(context=ssl.create_default_context())
            if settings.digest_smtp_user:
                server.login(settings.digest_smtp_user, settings.digest_smtp_password.get_secret_value())
        except BaseException:
            server.close()
            raise
        return server

    def _letter(self, message: Message) -> EmailMessage:
        letter = EmailMessage()
        letter["Subject"] = " ".join(subject(message.digest).split())
        letter["From"] = self._settings.digest_from
        letter["To"] = self._to
        letter["Date"] = formatdate()
        # The same again has the same name, so that mail programs know it.
        name = hashlib.sha256(f"{message.key} {self._to}".encode()).hexdigest()[:32]
        letter["Message-ID"] = f"<{name}@{self._settings.digest_from.rpartition('@')[2]}>"
        letter["Auto-Submitted"] = "auto-generated"
        letter.set_content(plain(message.digest))
        letter.add_alternative(message.page, subtype="html")
        if message.png:
            letter.add_attachment(message.png, "image", "png", filename=f"{message.stem}.png")
        return letter


def _text(told: bytes | str) -> str:
    return " ".join((told.decode(errors="replace") if isinstance(told, bytes) else told).split())[:200]
