"""Claims in a real Kafka: what one way in claims, others find, also after a restart and with compaction."""

import asyncio

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from producers.errors import KafkaRejected
from producers.identities import IdentitySettings
from producers.identities.resolver import WrongKey
from producers.identities.topic import opened
from producers.settings import KafkaSettings
from producers.topics import ensure

pytestmark = pytest.mark.integration
IDENTITIES = IdentitySettings(identity_key="a secret of the house", identity_region="RU")
NUMBER, WRITTEN = "+7 921 123-45-67", "89211234567"


async def test_claims_in_kafka(kafka, topic_prefix):
    """The first claim stands for all ways in and for whoever starts later; another key and a missing topic are told."""
    settings = KafkaSettings(kafka_servers=kafka, topic_prefix=topic_prefix)
    with pytest.raises(KafkaRejected, match="topics create"):
        async with opened(settings, IDENTITIES):
            pass
    await ensure(settings)
    async with opened(settings, IDENTITIES) as crm, opened(settings, IDENTITIES) as telephone:
        contact = crm.client(phone=NUMBER, own="contact-1")
        caller = telephone.client(phone=WRITTEN)
        assert contact.client != caller.client
        first, second = await crm.settle(), await telephone.settle()
        assert (first, second) == ({}, {caller.client: "contact-1"})
        many = [crm.client(phone=f"+7921{number:07d}").client for number in range(3000)]
        assert await crm.settle() == {}
        await telephone.follow()
        assert [telephone.client(phone=f"8921{number:07d}") for number in range(3000)] == [(c, True) for c in many]
    async with opened(settings, IDENTITIES) as later:
        assert later.client(phone=WRITTEN) == ("contact-1", True)
        assert await later.forget("contact-1") == 1
    async with opened(settings, IDENTITIES) as after:
        assert not after.client(phone=WRITTEN).known
    with pytest.raises(WrongKey, match="SALES_IDENTITY_KEY"):
        async with opened(settings, IdentitySettings(identity_key="another secret here")):
            pass


async def test_the_topic_is_recreated(kafka, topic_prefix):
    """Ways in that run know what the new one says, as one does that starts, and claim in it; the key is told again."""
    settings = KafkaSettings(kafka_servers=kafka, topic_prefix=topic_prefix)
    await ensure(settings)
    async with opened(settings, IDENTITIES) as crm, opened(settings, IDENTITIES) as telephone:
        for number in range(20):
            crm.client(phone=f"+7921{number:07d}", own=f"contact-{number}")
        await crm.settle()
        await telephone.follow()
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
        await admin.start()
        await admin.delete_topics([settings.identities_topic])
        await admin.close()
        await asyncio.sleep(2)
        await ensure(settings)
        await telephone.follow()
        assert telephone.client(phone="+79210000003", own="caller-3") == ("caller-3", False)
        assert await telephone.settle() == {}
        await crm.follow()
        assert crm.client(phone="+79210000003") == ("caller-3", True)
        assert not crm.client(phone="+79210000004", own="contact-4").known
        await crm.settle()
    async with opened(settings, IDENTITIES) as later:
        assert later.client(phone="+79210000003") == ("caller-3", True)
        assert later.client(phone="+79210000004") == ("contact-4", True)
        assert len(later.claims) == 2
    with pytest.raises(WrongKey, match="SALES_IDENTITY_KEY"):
        async with opened(settings, IdentitySettings(identity_key="another secret here")):
            pass


async def test_many_race_for_one_number(kafka, topic_prefix):
    """Ways in that claim the same numbers at once all publish under the same clients."""
    settings = KafkaSettings(kafka_servers=kafka, topic_prefix=topic_prefix)
    await ensure(settings)

    async def way(name):
        async with opened(settings, IDENTITIES) as resolver:
            claimed = [resolver.client(phone=f"+7921000{n:04d}", own=f"{name}-{n}").client for n in range(20)]
            lost = await resolver.settle()
            return [lost.get(client, client) for client in claimed]

    found = await asyncio.gather(*(way(f"way{number}") for number in range(5)))
    assert all(one == found[0] for one in found)
