"""What is wrong with a certificate, however deep an HTTP client's error hides it: waiting does not help there."""

import ssl


def not_accepted(error: BaseException) -> str:
    """What is said against the other side's certificate; "" where the error is of another kind."""
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, ssl.SSLCertVerificationError):
            return f"its certificate is not accepted: {found.verify_message.rstrip('.')}"
        found = found.__cause__ or found.__context__
    return ""
