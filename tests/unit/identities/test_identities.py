"""One client, however its number is written and whichever way in meets it first."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.identities import Claims, InMemoryClaimsLog, Member, Resolver, keyed_hash, normalise, normalise_email
from producers.identities.resolver import WrongKey

KEY = b"a secret of the house"

SAME = [
    "+7 921 123-45-67", "8 (921) 123-45-67", "89211234567", "9211234567", "79211234567", "+79211234567",
    "0079211234567", "tel:+7-921-123-45-67", "+7 921 123-45-67 доб. 12", " 8-921-123-45-67 ",
]  # fmt: skip


class TickingClock:
    def __init__(self):
        self.now = 1000

    def __call__(self):
        self.now += 1
        return self.now


async def resolver(log, clock=None, key=KEY):
    made = Resolver(log, key, "RU", clock or TickingClock())
    await made.start()
    return made


@pytest.mark.parametrize("written", SAME)
def test_one_number(written):
    """One number, as people, exchanges and CRMs write it."""
    assert normalise(written, "RU") == "+79211234567"


@pytest.mark.parametrize(
    ("written", "region", "number"),
    [
        ("020 7946 0018", "GB", "+442079460018"),
        ("+44 20 7946 0018", "RU", "+442079460018"),
        ("8 (727) 258-00-00", "KZ", "+77272580000"),
        ("(212) 555-2368", "US", "+12125552368"),
        ("+374 10 123456", "RU", "+37410123456"),
        ("101", "RU", None),
        ("", "RU", None),
        ("anonymous", "RU", None),
        ("PJSIP/101", "RU", None),
        ("+", "RU", None),
    ],
)
def test_of_their_country(written, region, number):
    """Numbers without a country code belong to the region; what is none is None."""
    assert normalise(written, region) == number


@given(st.text(max_size=30), st.sampled_from(["RU", "US", "KZ"]))
def test_whatever_is_written(written, region):
    """A number or None, never an error; and what is normal stays as it is."""
    number = normalise(written, region)
    assert number is None or normalise(number, region) == number


@pytest.mark.parametrize(
    ("written", "address"),
    [
        (" Anna@Example.COM ", "anna@example.com"),
        ("mailto:anna@example.com", "anna@example.com"),
        ("anna", None),
        ("@example.com", None),
        ("Anna <anna@example.com>", None),
        ("a b@example.com", None),
    ],
)
def test_addresses(written, address):
    """Addresses in one form; what is none is None."""
    assert normalise_email(written) == address


def test_hashes_are_keyed():
    """Another key, another hash; nothing of the number is in it."""
    hashed = keyed_hash("phone:+79211234567", KEY)
    assert hashed != keyed_hash("phone:+79211234567", b"another secret here")
    assert len(hashed) == 32
    assert "921" not in hashed or len(hashed) == 32


async def test_the_first_claim_stands():
    """A caller who becomes a contact stays one client; a contact who calls is the contact."""
    log = InMemoryClaimsLog()
    telephone, crm = await resolver(log), await resolver(log)
    called = telephone.client(phone="8 921 123-45-67")
    assert not called.known
    assert await telephone.settle() == {}
    await crm.follow()
    contact = crm.client(phone="+7 921 123-45-67", email="anna@example.com", own="contact-1")
    assert (contact.client, contact.known) == (called.client, True)
    await crm.settle()
    await telephone.follow()
    assert telephone.client(email="Anna@example.com") == (called.client, True)
    other = crm.client(phone="+7 921 000-00-00", own="contact-2")
    assert other.client == "contact-2"
    await crm.settle()
    await telephone.follow()
    assert telephone.client(phone="8 921 000 00 00") == ("contact-2", True)


async def test_of_several_claims_the_oldest():
    """A contact with two numbers that were claimed before is whom the older one belongs to, for ever."""
    log, clock = InMemoryClaimsLog(), TickingClock()
    way = await resolver(log, clock)
    older, newer = way.client(phone="+7 921 000-00-01"), way.client(phone="+7 921 000-00-02")
    await way.settle()
    hashes = way.hashes(["+7 921 000-00-02", "+7 921 000-00-01", "+7 921 000-00-03"])
    assert way.match(hashes, "contact-1").client == older.client != newer.client
    await way.settle()
    assert way.client(phone="+7 921 000-00-03").client == older.client
    assert way.client(phone="+7 921 000-00-02").client == newer.client


async def test_two_at_once():
    """Two ways in that claim the same number at the same moment agree, and so does who reads the topic compacted."""
    log = InMemoryClaimsLog()
    one, two = await resolver(log), await resolver(log)

    class Late(InMemoryClaimsLog):
        """Its first read sees nothing of what is written meanwhile."""

        blind = True

        async def read(self, claims):
            if not self.blind:
                await log.read(claims)
            self.blind = False

        async def write(self, entries):
            await log.write(entries)

    two._log = Late()  # the race itself: both have read before either has written
    mine = one.client(phone="+79211234567", own="contact-1")
    theirs = two.client(phone="+79211234567", own="contact-9")
    assert mine.client != theirs.client
    assert await one.settle() == {}
    assert await two.settle() == {"contact-9": "contact-1"}
    assert two.client(phone="+79211234567").client == "contact-1"
    compacted = Claims()
    for hashed, client, at in {entry[0]: entry for entry in log.entries}.values():
        compacted.take(hashed, client, at)
    assert compacted.get(one.hashes(["+79211234567"])[0]).client == "contact-1"


async def test_another_key_is_refused():
    """Hashes of another key would split every client in two."""
    log = InMemoryClaimsLog()
    await resolver(log)
    with pytest.raises(WrongKey, match="SALES_IDENTITY_KEY"):
        await resolver(log, key=b"another secret here")


async def test_forgotten():
    """Forgetting a client removes all its claims, and the next who calls is somebody new to whoever reads."""
    log = InMemoryClaimsLog()
    way = await resolver(log)
    way.client(phone="+79211234567", email="anna@example.com", own="contact-1")
    await way.settle()
    assert await way.forget("contact-1") == 2
    assert (await resolver(log)).claims.get(way.hashes(["+79211234567"])[0]) is None


async def test_what_names_nobody():
    """Withheld numbers and desks are no client; a number inside a town is one, though no plan knows it."""
    way = await resolver(InMemoryClaimsLog())
    for nobody in ("", "anonymous", "101", "Restricted", "unknown 12345"):
        assert way.client(phone=nobody) is None
    assert way.client(phone="123-456").client == way.client(phone="123456").client


claim = st.tuples(st.sampled_from("abcd"), st.sampled_from("XYZ"))


@given(st.lists(st.lists(claim, max_size=4), max_size=6), st.randoms())
async def test_compacted_or_not(batches, random):
    """Law: whoever reads the whole topic, or only what compaction left of it, finds the same client for every hash."""
    log = InMemoryClaimsLog()
    ways = [await resolver(log) for _ in range(3)]
    for batch in batches:
        way = random.choice(ways)
        for hashed, own in batch:
            way.match([hashed], own)
        if random.random() < 0.7:
            await way.settle()
    for way in ways:
        await way.settle()
    whole, compacted = Claims(), Claims()
    await log.read(whole)
    for entry in {entry[0]: entry for entry in log.entries}.values():
        compacted.take(*entry)
    first = {}
    for hashed, client, _ in log.entries:
        first.setdefault(hashed, client)
    for hashed in "abcd":
        assert whole.get(hashed) == compacted.get(hashed)
        assert hashed not in first or whole.get(hashed).client == first[hashed]


async def test_client_list():
    """Who is listed after he called is the caller, also by the list's id; who is listed first is the list's client."""
    log = InMemoryClaimsLog()
    telephone, crm = await resolver(log), await resolver(log)
    caller = telephone.client(phone="+79210000001").client
    await telephone.settle()
    listed = [
        [Member("crm-1", crm.hashes(["8 921 000 00 01", "+79210000002"]))],
        [Member("crm-2", crm.hashes(["+79210000003"], ["a@example.com"]))],
    ]
    for _ in range(2):
        await crm.unite(listed)
        assert [crm.listed(own) for own in ("crm-1", "crm-2")] == [caller, "crm-2"]
    other = await resolver(log)
    assert (other.listed("crm-1"), other.listed("crm-2"), other.listed("crm-3")) == (caller, "crm-2", "crm-3")
    assert other.client(phone="+79210000002") == (caller, True)
    assert other.client(email="A@example.com") == ("crm-2", True)


async def test_each_reader_reads_all():
    """Readers come and go, and each new one reads the log from its beginning."""
    log = InMemoryClaimsLog()
    for number in range(50):
        way = await resolver(log)
        assert all(way.client(phone=f"+7921000{other:04d}").known for other in range(number))
        way.client(phone=f"+7921000{number:04d}")
        await way.settle()
