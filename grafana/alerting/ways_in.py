"""Alerts about the ways in: the gateway, a portal's connector in it, logs. What they do not take is nowhere counted."""

from grafana.alerting.alert import CRITICAL, WARNING, Alert, of_service
from metrics.catalogue import gateway as g
from metrics.catalogue import service as s

GATEWAY_JOB = "sales-gateway"
"""Name of its scrape job in deploy/prometheus/prometheus.yml."""
_BEHIND = 600
"""Seconds that a change of the portal waits at most: longer than a few retries take."""
_TURNED_AWAY = 10
"""Requests in ten minutes from which on somebody is told: one a minute of one source."""
_UNTOLD = 5
"""Events that reconciliation found and no hook told of, from which on hooks are missed."""
_TOLD_OF = "sales[.](deal|lead|invoice|payment|call)[.].*"
"""Types of what hooks tell."""
_NOT_LOOKED_AT = 120
"""Seconds; a log is looked at each second, and its file of metrics collected a few times a minute."""
_DAYS = 14
"""Before a sender's token runs out."""
_UNREPAIRED = 3600
"""Seconds after the last reconciliation; there is one every few minutes."""


def _source_refused() -> Alert:
    def new(name: str) -> str:
        # A source is there with its first refusal, and nobody sees that as an increase.
        return f"increase({name}[10m]) > 0 or ({name} unless {name} offset 10m) > 0"

    # Of a gateway what its sender can fix, where it is known who that is.
    at_gateways = f'{g.REFUSED.name}{{source!="",reason!~"408|429|5.."}}'
    return of_service(
        "SourceRefused",
        f"sum by (source) ({new(s.REFUSED.name)}\nor {new(at_gateways)})",
        "",
        WARNING,
        "What {{ $labels.source }} sends is refused",
        "{{ $value | humanize }} events or requests in ten minutes, at the gateway or by workers.",
        "A source sends what the contract or its rights do not allow. Those events are missing from the numbers.",
        "The gateway's page `/sources`: reasons, fields and remedies, also of what came by Kafka. The gateway's log, "
        "line `request refused`; for Kafka `sales-pulse dead-letters list`.",
        "Tell the team that owns the source what its page says; `POST /v1/events?dry_run=true` tries a change. The "
        "source must send again what the gateway refused; what workers refused is replayed (DeadLetters).",
    )


def _gateway() -> tuple[Alert, ...]:
    def answered(status: str, span: str) -> str:
        return f'sum by (status) (increase({g.REQUESTS.name}{{status=~"{status}"}}[{span}]))'

    turned_away = "401|408|429"

    return (
        of_service(
            # Who sends to Kafka directly has no gateway: its absence is no fault.
            "GatewayDown", f'up{{job="{GATEWAY_JOB}"}} == 0', "30s", CRITICAL,
            "Gateway {{ $labels.instance }} cannot be reached",
            "Prometheus has not reached it for half a minute.",
            "Sources cannot send over HTTP, unless another gateway runs; a portal's hooks are lost, and made up for by "
            "the next reconciliation.",
            "Whether the process runs; its `/healthz` and `/readyz`; the last lines of its log.",
            "Start it again. Senders that keep what was not answered with 202 send it then; for others see "
            "SourceSilent.",
        ),
        of_service(
            "GatewayFails", f"{answered('5..', '2m')} > 0", "1m", CRITICAL,
            "The gateway answers {{ $labels.status }}",
            "{{ $value | humanize }} requests in two minutes failed for a reason that is not the sender's.",
            "Kafka does not accept events, or more arrive at once than the gateway can hold (503); 500 is a bug of "
            "ours.",
            "Its log and `/readyz`; KafkaUnreachable; request times on the wall Service health.",
            "Fix Kafka, or start another gateway. Senders are told when to send again (`Retry-After`); nothing that "
            "was answered with 202 is lost.",
        ),
        of_service(
            # Many, and still going on: a mistyped token, a scanner or one burst is nothing to be woken for.
            "GatewayRefuses",
            f"{answered(turned_away, '10m')} > {_TURNED_AWAY} and {answered(turned_away, '4m')} > 0", "5m", WARNING,
            "The gateway keeps turning requests away with {{ $labels.status }}",
            "{{ $value | humanize }} requests in ten minutes, and it continues. 401: unknown token; 408: the body did "
            "not arrive; 429: more than is allowed per second. Mistakes of a known source are reported by "
            "SourceRefused.",
            "What was turned away is in no number and in no dead letter: only its sender has it.",
            "The gateway's log, line `request refused`: from where, and why.",
            "If a token has expired, give its source the new one. Then have it send again: late events correct the "
            "past.",
        ),
        of_service(
            "TokenRunsOut", f"min by (source) ({g.TOKEN_EXPIRY.name} - time()) < {_DAYS} * 86400", "1h", WARNING,
            "The token of {{ $labels.source }} expires in {{ $value | humanizeDuration }}",
            "From then on the gateway accepts nothing from this source (401).",
            f"All tokens and secrets of the source expire within {_DAYS} days; below 0 they have expired.",
            "Its pairs in `SALES_GATEWAY_TOKENS` and `SALES_GATEWAY_SECRETS`; each expires the day after `until`.",
            "Add a pair with a new token for the source and restart the gateways, one after the other; both tokens are "
            "valid. Give the new one to whoever runs the source, then remove the old pair.",
            every="1m",
        ),
    )  # fmt: skip


def _portal() -> tuple[Alert, ...]:
    """What the portal says comes late, or not at all."""
    waits = f"time() - (max({g.BITRIX24_OLDEST.name}) > 0)"
    reconciled = f"time() - (max({g.BITRIX24_RECONCILED.name}) > 0)"
    untold = f'sum(increase({g.BITRIX24_EVENTS.name}{{type=~"{_TOLD_OF}"}}[2h]))'
    told = f'sum(increase({g.BITRIX24_HOOKS.name}{{outcome="accepted"}}[2h]))'
    failed = f"sum by (task) (increase({g.BITRIX24_FAILURES.name}[15m]))"
    return (
        of_service(
            "Bitrix24Behind", f"{waits} > {_BEHIND}", "1m", WARNING,
            "Bitrix24: a change has waited {{ $value | humanizeDuration }} to be fetched",
            f"Hooks announced changes that were not fetched within {_BEHIND // 60} minutes.",
            "Deals, calls and chats of the portal are counted late.",
            "Waiting changes and failed attempts on the wall Service health; the gateway's log.",
            "As for Bitrix24Unreachable. If nothing fails, the portal's request limit is reached: "
            "`SALES_BITRIX24_REQUESTS_PER_SECOND`.",
        ),
        of_service(
            "Bitrix24Unreachable", f"{failed} > 3", "5m", WARNING,
            "Bitrix24: {{ $labels.task }} fails again and again",
            "{{ $value | humanize }} attempts failed in a quarter of an hour; each is tried again.",
            "The portal does not answer, or no longer accepts the webhook. What was not fetched is not counted.",
            "The gateway's log, line `will be tried again`: it says why. `sales-pulse bitrix24 reconcile "
            "--quick` says it, too.",
            "Fix the webhook or its rights in the portal. What changed meanwhile comes with the next reconciliation.",
        ),
        of_service(
            "Bitrix24NotReconciled", f"{reconciled} > {_UNREPAIRED}", "5m", WARNING,
            "Bitrix24: not reconciled for {{ $value | humanizeDuration }}",
            "The repair of what hooks missed, which runs every few minutes, has not ended for over an hour.",
            "What no hook told of is missing, and nobody would notice.",
            "Bitrix24Unreachable with task reconcile; the gateway's log.",
            "As for Bitrix24Unreachable; `sales-pulse bitrix24 reconcile` runs it by hand and says what is wrong.",
        ),
        of_service(
            # Reconciliation finds everything some minutes later, so that nobody else would notice.
            "Bitrix24HooksSilent", f"{untold} > {_UNTOLD} unless {told} > 0", "10m", WARNING,
            "Bitrix24: no hook came for two hours, yet {{ $value | humanize }} changes were found",
            "The portal's outgoing webhook is silent, while deals, leads, invoices or calls change.",
            "Changes count some minutes late; callers are not seen while they are waiting.",
            "In the portal: whether the outgoing webhook exists, has its events ticked and the URL of this gateway "
            "(`/v1/bitrix24`); from outside, whether that URL answers. Hooks refused on the wall Service "
            "health: 401 is another application token, 403 another portal.",
            "Fix the webhook; a changed token goes into `SALES_BITRIX24_APPLICATION_TOKEN`. Reconciliation finds what "
            "hooks missed.",
        ),
    )  # fmt: skip


def _portal_left_out() -> tuple[Alert, ...]:
    """What of the portal is not counted."""
    forbidden = f"max by (what) ({g.BITRIX24_FORBIDDEN.name})"
    hidden = f"max by (kind) (max_over_time({g.BITRIX24_HIDDEN.name}[1h]))"
    return (
        of_service(
            "Bitrix24RightsLost",
            f"{forbidden} > 0 or {hidden} > 0", "15m", WARNING,
            "Bitrix24: the webhook may not read {{ $labels.what }}{{ with $labels.kind }}some {{ . }}s that it read "
            "before{{ end }}",
            "The portal has refused it for lack of rights for at least a quarter of an hour.",
            "What happens there is not counted; nothing that was counted is retracted.",
            "The gateway's log, line `left out of reconciliation`: it names method and error.",
            "Tick the scope in the portal's webhook, or give its user the right. If the portal has no such thing (no "
            "telephony, no open lines), silence the alert for it.",
        ),
        of_service(
            "Bitrix24Refused", f"sum(increase({g.BITRIX24_REFUSED.name}[1h])) > 0", "", WARNING,
            "Bitrix24: {{ $value | humanize }} entities were left out",
            "What the portal says about them does not fit the contract.",
            "They are missing from the numbers.",
            "`sales-pulse dead-letters list --reason invalid_data`: entity, field, and what the portal says about it.",
            "Fix the entity in the portal, or the mapping (`SALES_BITRIX24_MAPPING`); the next change or "
            "reconciliation brings it.",
        ),
    )  # fmt: skip


def _log_not_followed() -> Alert:
    looked = f'max by (source, format, instance) ({g.IMPORT_AT.name}{{mode="follow"}})'
    return of_service(
        "LogNotFollowed",
        f"time() - {looked} > {_NOT_LOOKED_AT}",
        "1m",
        WARNING,
        "The log of {{ $labels.source }} ({{ $labels.format }}): not looked at for {{ $value | humanizeDuration }}",
        "`sales-pulse import --follow` on {{ $labels.instance }} ended, or cannot send.",
        "Calls of this exchange are missing from the numbers; callers who are waiting are not seen.",
        "The service that follows the log: its state and its last lines. Whether it reaches Kafka; KafkaUnreachable.",
        "Start it again: it resumes where it stopped, and sends what was logged meanwhile. If the log is no longer "
        "followed on purpose, remove the file that `--metrics` named.",
    )


def alerts() -> tuple[Alert, ...]:
    """All alerts about the ways in."""
    return (_source_refused(), *_gateway(), _log_not_followed(), *_portal(), *_portal_left_out())
