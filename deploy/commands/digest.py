"""`sales-pulse digest`: a day's or week's numbers to people, by mail or chat."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from metrics.digest.period import DigestKind

if TYPE_CHECKING:
    from datetime import date

    from metrics.digest.run import DigestRun
    from metrics.digest.settings import DigestSettings

_LOOK_SECONDS, _AFTER_FAILURE_SECONDS = 60.0, 600.0


def command(
    period: Annotated[
        list[DigestKind] | None, typer.Option(help="period of the digest; may be repeated with --loop")
    ] = None,
    to: Annotated[
        list[str] | None,
        typer.Option(help="e-mail address, slack or telegram; may be repeated (SALES_DIGEST_TO)"),
    ] = None,
    team: Annotated[str, typer.Option(help="only this team; default: the whole company")] = "",
    day: Annotated[str, typer.Option("--date", help="the period that contains this date; default: the last one")] = "",
    language: Annotated[str | None, typer.Option(help="en or ru (SALES_DIGEST_LANGUAGE)")] = None,
    again: Annotated[bool, typer.Option(help="send it even to those who already have it")] = False,
    loop: Annotated[bool, typer.Option(help="keep running, and send each period after SALES_DIGEST_AT")] = False,
) -> None:
    """Make a digest of the last complete day or week, and send it to everybody who does not have it yet.

    Page and picture are kept in SALES_DIGEST_DIR. Without recipients, that is all.

    Example: sales-pulse digest --period week --to anna@example.com
    """
    from datetime import date

    from deploy.errors import MisuseError
    from metrics.digest.settings import DigestSettings

    given: dict[str, Any] = {"digest_to": ",".join(to) if to else None, "digest_language": language}
    settings = DigestSettings(**{name: value for name, value in given.items() if value is not None})
    kinds = list(dict.fromkeys(period or (DigestKind.DAY,)))
    try:
        wanted = date.fromisoformat(day) if day else None
    except ValueError:
        raise MisuseError(f"--date {day}: this is not a date; write it like 2026-11-23") from None
    if loop and (again or wanted):
        raise MisuseError("--loop sends what is due: leave --again and --date out")
    if loop and not settings.digest_to:
        raise MisuseError("--loop needs recipients: set SALES_DIGEST_TO or give --to")
    if not loop and len(kinds) > 1:
        raise MisuseError("give --period once; only with --loop it may be repeated")
    with _run(settings) as run:
        if loop:
            _stay(run, kinds, team)
        else:
            _once(run, kinds[0], team, wanted, again=again)


def _run(settings: "DigestSettings") -> Any:
    from contextlib import contextmanager
    from threading import Event

    import httpx

    from metrics.digest.asked import ExporterClient
    from metrics.digest.chats import Slack, Telegram
    from metrics.digest.delivery import DeliveryWay
    from metrics.digest.mail import Mail
    from metrics.digest.run import DigestRun
    from metrics.digest.settings import SLACK, TELEGRAM
    from metrics.settings import ExporterSettings, LoginSettings

    @contextmanager
    def opened() -> Any:
        address = settings.digest_exporter or f"http://{ExporterSettings().exporter_listen}"
        stop, login, trusted = Event(), LoginSettings().pair, httpx.create_ssl_context()
        # Never by way of a proxy: it is a process of ours. SSL_CERT_FILE counts all the same.
        with (
            httpx.Client(base_url=address, auth=login, timeout=60, trust_env=False, verify=trusted) as asking,
            httpx.Client(timeout=30) as chat,
        ):
            chats: dict[str, DeliveryWay] = {SLACK: Slack(settings, chat), TELEGRAM: Telegram(settings, chat)}
            ways: dict[str, DeliveryWay] = {one: chats.get(one) or Mail(settings, one) for one in settings.digest_to}
            yield DigestRun(settings, ExporterClient(asking, stop=stop), ways, stop=stop)

    return opened()


def _once(run: "DigestRun", kind: DigestKind, team: str, wanted: "date | None", *, again: bool) -> None:
    from metrics.digest.period import over
    from metrics.digest.run import kept, key
    from metrics.digest.sent import held

    period = over(kind, run.exporter.now(team).date(), wanted)
    with held(run.settings.digest_dir) as sent:
        to = list(run.ways) if again else run.missing(sent, period, team)
        if run.ways and not to:
            print(f"{key(period, team)}: everybody has got it already; --again sends it again")
            return
        message = run.message(period, team)
        for path in kept(run.settings.digest_dir, message):
            print(path)
        run.deliver(sent, message, to)
    for one in to:
        print(f"{message.key}: sent to {one}")


def _stay(run: "DigestRun", kinds: list[DigestKind], team: str) -> None:
    """Send what is due until it is asked to stop; a message under way then is finished, nothing is waited for."""
    import structlog

    from deploy.stopping import set_when_asked
    from metrics.errors import MetricsError

    log = structlog.get_logger(__name__)
    set_when_asked(run.stop)
    pause = 0.0
    while not run.stop.wait(pause):
        pause = _LOOK_SECONDS
        for kind in kinds:
            if run.stop.is_set():
                return
            try:
                _due(run, kind, team)
            except (MetricsError, OSError) as error:
                log.warning(str(error))
                pause = _AFTER_FAILURE_SECONDS


def _due(run: "DigestRun", kind: DigestKind, team: str) -> None:
    from metrics.digest.period import due
    from metrics.digest.run import kept
    from metrics.digest.sent import held

    period = due(kind, run.exporter.now(team), run.settings.digest_at)
    if period is None:
        return
    with held(run.settings.digest_dir) as sent:
        if to := run.missing(sent, period, team):
            message = run.message(period, team)
            kept(run.settings.digest_dir, message)
            run.deliver(sent, message, to)
