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
        "Tell the team that owns the source what its page says; `POST /v1/events?dry_run=true` tries a change. What "
        "the gateway refused the source sends again, what workers refused is replayed (DeadLetters).",
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
            "Sources that send over HTTP reach nobody, unless another gateway runs; hooks of a portal are lost until "
            "the next reconciliation.",
            "Whether the process runs; its `/healthz` and `/readyz`; the last lines of its log.",
            "Start it again. Senders that keep what was not answered 202 send it then; for others see SourceSilent.",
        ),
        of_service(
            "GatewayFails", f"{answered('5..', '2m')} > 0", "1m", CRITICAL,
            "The gateway answers {{ $labels.status }}",
            "{{ $value | humanize }} requests in two minutes were not taken, for a reason that is not the sender's.",
            "Kafka does not take events, or more come in at once than the gateway holds (503); 500 is a fault of ours.",
            "Its log and `/readyz`; KafkaUnreachable; request times on the wall Service health.",
            "Fix Kafka, or start another gateway. Senders are told when to send again (`Retry-After`); nothing that "
            "was answered 202 is lost.",
        ),
        of_service(
            # Many, and still going on: a mistyped token, a scanner or one burst is nothing to be woken for.
            "GatewayRefuses",
            f"{answered(turned_away, '10m')} > {_TURNED_AWAY} and {answered(turned_away, '4m')} > 0", "5m", WARNING,
            "The gateway keeps turning requests away with {{ $labels.status }}",
            "{{ $value | humanize }} requests in ten minutes, and it goes on: 401 nobody knows the token, 408 the body "
            "did not arrive, 429 more than is allowed a second. What a known source does wrong, SourceRefused tells.",
            "What was turned away is in no number and in no dead letter: only its sender has it.",
            "The gateway's log, line `request refused`: from where, and why.",
            "A token that ran out: give its source the new one. Then let it send again: late events correct the past.",
        ),
        of_service(
            "TokenRunsOut", f"min by (source) ({g.TOKEN_EXPIRY.name} - time()) < {_DAYS} * 86400", "1h", WARNING,
            "The token of {{ $labels.source }} runs out in {{ $value | humanizeDuration }}",
            "From then on the gateway takes nothing of this source (401).",
            f"No token or secret of it is taken for more than {_DAYS} days from now; below 0: none is taken any more.",
            "Its pairs in `SALES_GATEWAY_TOKENS` and `SALES_GATEWAY_SECRETS`: the day after `until`.",
            "Add a pair with a new token for the source and restart the gateways, one after the other; both tokens are "
            "taken. Give the new one to whoever runs the source, then take the old pair away.",
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
            f"Hooks told of changes that were not fetched within {_BEHIND // 60} minutes.",
            "Deals, calls and chats of the portal are counted late.",
            "Changes that wait and attempts that fail on the wall Service health; the gateway's log.",
            "As for Bitrix24Unreachable. When nothing fails, the portal's limit of requests is reached: "
            "`SALES_BITRIX24_REQUESTS_PER_SECOND`.",
        ),
        of_service(
            "Bitrix24Unreachable", f"{failed} > 3", "5m", WARNING,
            "Bitrix24: {{ $labels.task }} fails again and again",
            "{{ $value | humanize }} attempts failed in a quarter of an hour; each is tried again.",
            "The portal does not answer, or does not let the webhook in any more. What was not fetched is not counted.",
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
            "Bitrix24: no hook came for two hours, and {{ $value | humanize }} changes were found without",
            "The portal's outgoing webhook tells nothing, while deals, leads, invoices or calls change.",
            "What the portal does counts some minutes late; who waits on the line is not seen while he waits.",
            "In the portal: whether the outgoing webhook is there, has its events ticked and the address of this "
            "gateway (`/v1/bitrix24`); from outside, whether that address answers. Hooks refused on the wall Service "
            "health: 401 is another application token, 403 another portal.",
            "Fix the webhook; a changed token goes into `SALES_BITRIX24_APPLICATION_TOKEN`. What hooks missed was "
            "found already, or is by the next reconciliation.",
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
            "The portal refuses it for lack of rights, since at least a quarter of an hour.",
            "What happens there is not counted; nothing that was counted is taken back.",
            "The gateway's log, line `left out of reconciliation`: it names method and error.",
            "Tick the scope in the portal's webhook, or give its user the right. Where the portal has no such "
            "thing (no telephony, no open lines), silence the alert for it.",
        ),
        of_service(
            "Bitrix24Refused", f"sum(increase({g.BITRIX24_REFUSED.name}[1h])) > 0", "", WARNING,
            "Bitrix24: {{ $value | humanize }} entities were left out",
            "What the portal says of them does not fit the contract.",
            "They are missing from the numbers.",
            "`sales-pulse dead-letters list --reason invalid_data`: entity, field, and what the portal says of it.",
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
        "Calls of this exchange are missing from the numbers; who waits on the line is not seen.",
        "The service that follows the log: its state and its last lines. Whether it reaches Kafka; KafkaUnreachable.",
        "Start it again: it goes on where it stopped, and sends what was logged meanwhile. Where the log is not "
        "followed any more, remove the file that `--metrics` named.",
    )


def alerts() -> tuple[Alert, ...]:
    """All alerts about the ways in."""
    return (_source_refused(), *_gateway(), _log_not_followed(), *_portal(), *_portal_left_out())
