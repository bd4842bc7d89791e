"""Every error that the connector raises on purpose. None of them repeats the webhook's address, which is a secret.

Bitrix24Error
├── MappingError        the mapping file cannot be used; a person must correct it
├── HookRefused         a webhook call is not from our portal, or no webhook call at all
├── PortalUnavailable   the portal does not answer or is over its limits; trying again later helps
├── PortalRefused       the portal says no (rights, scope, unknown method); an operator must act
├── PortalUnknown       which portal it is cannot be told; a person must say
├── EntityUnusable      what the portal says of one entity lacks something; a person must fix it there
└── PortalClosed        it says no to the webhook itself: revoked, expired, wrong, moved; nothing can be read
"""

# ruff: noqa: N818 - the names say what happened

from producers.errors import ProducersError


class Bitrix24Error(ProducersError):
    """The root: one line of text for a person."""


class MappingError(Bitrix24Error):
    """The mapping file cannot be used; the text names the place."""


class HookRefused(Bitrix24Error):
    """The call of the webhook is not believed; `status` is the HTTP status of the answer."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class PortalUnavailable(Bitrix24Error):
    """The portal gave no usable answer.

    `wait_seconds` is how long it is to be left alone, where that is known; `method` the one that this is about, where
    others may be asked.
    """

    def __init__(self, text: str, wait_seconds: float | None = None, method: str = "") -> None:
        super().__init__(text)
        self.wait_seconds = wait_seconds
        self.method = method


class PortalRefused(Bitrix24Error):
    """The portal refuses a method for good; `code` is its error code."""

    def __init__(self, method: str, code: str, description: str = "") -> None:
        told = f" ({description})" if description else ""
        super().__init__(f"the portal refuses {method}: {code}{told}; check the scopes and rights of the webhook")
        self.method = method
        self.code = code


class PortalUnknown(Bitrix24Error):
    """Another portal's events are in the log or in the spool; the text says what to set."""


class EntityUnusable(Bitrix24Error):
    """What the portal says of an entity cannot be used; the text names fields, never what is in them."""


class PortalClosed(Bitrix24Error):
    """The portal lets the webhook in no more, whatever is asked; `code` is its error code."""

    def __init__(self, code: str, what_to_do: str) -> None:
        super().__init__(f"the portal does not let the webhook in any more: {code}; {what_to_do}")
        self.code = code
