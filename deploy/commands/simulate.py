"""`sales-pulse simulate`: a believable sales floor, in real time or as fast as it can."""

import asyncio
import os
import sys
import time
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from deploy.errors import MisuseError
from metrics.windows import DAYS_HELD

if TYPE_CHECKING:
    from producers.simulator.run import SimulatedPace
    from producers.simulator.session import Profile, SessionPlan
    from producers.simulator.sinks import EventSink
    from producers.simulator.state import SimulatorState

Receiver = Literal["kafka", "gateway", "-"]
_US = 1_000_000


def command(
    seed: Annotated[int, typer.Option(help="The same seed gives the same floor.")] = 1,
    managers: Annotated[int, typer.Option(min=1, max=5000, help="People on the floor.")] = 40,
    events_per_second: Annotated[float, typer.Option(min=0, max=100_000, help="Rate in real time.")] = 20,
    backlog_days: Annotated[int, typer.Option(min=0, max=DAYS_HELD, help="Past days to send before real time.")] = 60,
    days: Annotated[int | None, typer.Option(min=1, max=DAYS_HELD, help="Only this many past days, then stop.")] = None,
    start: Annotated[str | None, typer.Option(help="First moment, RFC 3339.")] = None,
    end: Annotated[str | None, typer.Option(help="Last moment, RFC 3339; then stop.")] = None,
    speed: Annotated[float | None, typer.Option(min=0.001, help="Simulated seconds per second; with --start.")] = None,
    to: Annotated[Receiver, typer.Option(help="Where to: Kafka, a gateway, or standard output (-).")] = "kafka",
    gateway_url: Annotated[str | None, typer.Option(help="Address of a gateway's /v1/events.")] = None,
    profile: Annotated[
        str,
        typer.Option(help="wall: the rate is reached without inflating totals; load: with the full mix of events."),
    ] = "wall",
    always_open: Annotated[
        bool, typer.Option("--always-open/--office-hours", help="Shifts around the clock, or Monday to Friday.")
    ] = True,
    reference: Annotated[bool, typer.Option(help="Send people, plans and rates as well.")] = True,
    state: Annotated[
        Path | None, typer.Option(help="File that remembers its progress (not with -, --days, --start).")
    ] = Path(".local/simulator.json"),
) -> None:
    """Simulate a sales floor: the past as fast as possible, then in real time.

    The same seed gives the same events with the same ids, so sending twice counts once.

    Example: sales-pulse simulate --seed 7 --days 60 --managers 40 --to - > events.jsonl
    """
    from metrics.settings import BusinessSettings
    from producers.simulator.floor import Setup
    from producers.simulator.run import SimulatedPace
    from producers.simulator.session import SessionPlan, resumed

    if profile not in ("wall", "load"):
        raise MisuseError("--profile is wall or load")
    if speed is not None and start is None:
        raise MisuseError("--speed needs --start")
    if days is not None and (start is not None or end is not None):
        raise MisuseError("--days counts back from now: give either --days, or --start and --end")
    business = BusinessSettings()
    now = time.time_ns() // 1000
    bounded = days is not None or start is not None or end is not None
    first = _moment(start, "--start") if start else now - (days or backlog_days) * 86_400 * _US
    last = _moment(end, "--end") if end else now if days is not None else None
    if last is not None and last <= first:
        raise MisuseError("--end must come after the start")
    live = first if profile == "load" and bounded else now if speed is None else first
    setup = Setup(seed, managers, business.timezone, business.currency, always_open)
    which: Profile = "load" if profile == "load" else "wall"
    plan = SessionPlan(setup, first, last, live, events_per_second, which, reference)
    remember = state if to != "-" and not bounded else None
    plan, known = resumed(plan, remember, _receiver(to, gateway_url))
    pace = SimulatedPace(_now, plan.start_us, speed, may_lead=to == "-" and bounded)
    asyncio.run(_run(plan, known, to, gateway_url, pace, remember))


async def _run(
    plan: "SessionPlan",
    known: "SimulatorState",
    to: Receiver,
    gateway_url: str | None,
    pace: "SimulatedPace",
    state_file: Path | None,
) -> None:
    from deploy.progress import CommandProgress
    from deploy.stopping import asked_to_stop
    from producers.simulator.rhythm import rfc3339
    from producers.simulator.session import simulate

    stop = asked_to_stop()
    backlog_end = plan.end_us or plan.live_us
    with CommandProgress("simulated", total=(backlog_end - plan.start_us) / _US) as progress:

        def sent(count: int, moment: int) -> None:
            progress.advance(count, (moment - plan.start_us) / _US, rfc3339(moment)[:16])

        async with AsyncExitStack() as stack:
            sink = await _sink(to, gateway_url, stack)
            await simulate(plan, known, sink, pace, stop, state_file=state_file, sent=sent)


async def _sink(to: Receiver, gateway_url: str | None, stack: AsyncExitStack) -> "EventSink":
    from producers.simulator.sinks import GatewaySink, KafkaSink, LinesSink

    if to == "kafka":
        from producers.publisher import SalesPublisher

        return KafkaSink(await stack.enter_async_context(SalesPublisher()))
    if to == "gateway":
        import httpx

        token = os.environ.get("SALES_GATEWAY_TOKEN")
        headers = {"authorization": f"Bearer {token}"} if token else {}
        client = await stack.enter_async_context(httpx.AsyncClient(headers=headers, timeout=30))
        return GatewaySink(client, _gateway(gateway_url))
    return LinesSink(sys.stdout.buffer)


def _gateway(url: str | None) -> str:
    from producers.gateway.settings import GatewaySettings

    return url or f"http://{GatewaySettings().gateway_listen}/v1/events"


def _receiver(to: Receiver, gateway_url: str | None) -> str:
    """Return what the state belongs to: another cluster or topic must get the whole backlog."""
    if to == "gateway":
        return _gateway(gateway_url)
    from producers.settings import KafkaSettings

    return f"kafka:{KafkaSettings().events_topic}"


def _moment(text: str, flag: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise MisuseError(f"{flag}: {text!r} is not an RFC 3339 time; write one like 2026-11-23T09:00:00Z") from None
    if moment.tzinfo is None:
        raise MisuseError(f"{flag}: {text!r} has no zone; add Z or one like +03:00")
    return int(moment.astimezone(UTC).timestamp()) * _US


def _now() -> int:
    return time.time_ns() // 1000
