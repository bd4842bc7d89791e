"""Which modules are compiled: those that every event goes through, and nothing that waits, reads or writes.

And what is written in C, which the source does without.
"""

MODULES = (
    "producers.events.units",
    "producers.events.wire.decoding",
    "producers.events.wire.known",
    "producers.events.wire.structs.checks",
    "producers.partitioner",
    "streams.fold.activities",
    "streams.fold.call_kinds",
    "streams.fold.calls",
    "streams.fold.chats",
    "streams.fold.context",
    "streams.fold.deal_measures",
    "streams.fold.deals",
    "streams.fold.deltas",
    "streams.fold.encoding",
    "streams.fold.handlers",
    "streams.fold.invoices",
    "streams.fold.lead_index",
    "streams.fold.leads",
    "streams.fold.line",
    "streams.fold.localtime",
    "streams.fold.page",
    "streams.fold.payments",
    "streams.fold.responses",
    "streams.fold.returns",
    "streams.fold.rules",
    "streams.fold.touches",
    "streams.fold.working",
    "streams.state.bucket",
    "streams.state.cells",
    "streams.state.clients",
    "streams.state.counts",
    "streams.state.keeping",
    "streams.state.lists",
    "streams.state.news",
    "streams.state.partition",
    "streams.state.rolling",
    "streams.state.sweep",
)

IN_C = ("streams.runtime.arenas",)
