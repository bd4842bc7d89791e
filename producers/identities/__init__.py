"""One client, whichever system tells: which client a phone number or an address belongs to.

`normalise` and `keyed_hash` are pure; a `Resolver` knows the claims of the identities topic and adds to them.
"""

from producers.identities.claims import Claim, Claims
from producers.identities.met import Met
from producers.identities.numbers import normalise, normalise_email
from producers.identities.resolver import InMemoryClaimsLog, Match, Member, Resolver, anonymous
from producers.identities.settings import IdentitySettings, hashed_name, keyed_hash

__all__ = [
    "Claim",
    "Claims",
    "IdentitySettings",
    "InMemoryClaimsLog",
    "Match",
    "Member",
    "Met",
    "Resolver",
    "anonymous",
    "hashed_name",
    "keyed_hash",
    "normalise",
    "normalise_email",
]
