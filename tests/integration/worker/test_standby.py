"""Standby copies: what another worker owns lies on disk already when that one dies."""

import pytest

from tests.support.workers import floor, until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]

STANDING_BY = {"SALES_STORE": "rocksdb", "SALES_STANDBY_REPLICAS": "1", "SALES_SESSION_TIMEOUT": "3"}


def _copies(worker):
    """Partition → changelog records that the copy does not have."""
    return {
        dict(labels)["partition"]: lag
        for (name, labels), lag in worker.metrics().items()
        if name == "sales_worker_standby_lag_records"
    }


async def test_takes_over_from_its_copy(house):
    """Each of two workers has a copy of what the other owns; a survivor reads next to nothing of the changelog."""
    one, two = house.worker("one", **STANDING_BY), house.worker("two", **STANDING_BY)
    await until(lambda: one.owned() | two.owned() == {0, 1, 2} and one.owned() and two.owned(), 120, "both own some")
    await house.publish(floor(6_000))
    assert (await house.verdict()).is_equal

    def up_to_date(worker, other):
        copies = _copies(worker)
        return {int(number) for number in copies} == other.owned() and not any(copies.values())

    await until(lambda: up_to_date(one, two) and up_to_date(two, one), 60, "copies are up to date")
    taken = len(two.owned())
    restored = one.total("sales_worker_restore_records_total")
    from_disk = one.metrics().get(("sales_worker_restores_total", (("source", "disk"),)), 0)
    two.kill()
    await until(lambda: one.owned() == {0, 1, 2}, 60, "the survivor owns all")
    assert one.metrics()["sales_worker_restores_total", (("source", "disk"),)] - from_disk >= taken
    assert one.total("sales_worker_restore_records_total") - restored < 50
    assert _copies(one) == {}
    await house.publish(floor(1_000, seed=2))
    report = await house.verdict()
    assert report.is_equal, report.lines()

    again = house.worker("two", **STANDING_BY)
    await until(lambda: up_to_date(again, one) and up_to_date(one, again), 60, "copies are up to date again")
    report = await house.verdict()
    assert report.is_equal, report.lines()


async def test_a_broken_copy_is_rebuilt(house):
    """What is damaged on a standby's disk is set aside; it ends up with a whole copy, and owns as before."""
    one, two = house.worker("one", **STANDING_BY), house.worker("two", **STANDING_BY)
    await until(lambda: one.owned() and two.owned() and one.owned() | two.owned() == {0, 1, 2}, 120, "both own some")
    await house.publish(floor(3_000))
    for _ in range(3):
        await until(lambda: one.owned() and _copies(one) and not any(_copies(one).values()), 60, "a copy is up to date")
        number = int(next(iter(_copies(one))))
        one.kill()
        for file in (one.folder / "data" / "state" / str(number)).iterdir():
            if file.is_file() and file.name != "LOCK":
                file.write_bytes(b"\x99" * file.stat().st_size)
        one.start()
        await until(lambda: str(number) in _copies(one) or number in one.owned(), 60, "it is back")  # noqa: B023
        if str(number) in _copies(one):  # else it was away for longer than its session, and was given other partitions
            break
    await until(lambda: _copies(one).get(str(number)) == 0, 60, "the copy is whole again")
    assert (one.folder / "data" / "state" / f"{number}.broken").exists()
    report = await house.verdict()
    assert report.is_equal, report.lines()
