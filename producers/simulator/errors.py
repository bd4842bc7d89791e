"""What can keep a simulator from sending.

ProducersError
└── GatewayRefused    the gateway does not take the events, or cannot be reached
"""

from producers.errors import ProducersError


class GatewayRefused(ProducersError):  # noqa: N818  # told to a person as one line
    """The gateway answered no, or not at all; the text has its address and words."""
