"""A commented mapping to begin with: what `sales-pulse import --template` prints."""

TEMPLATE = """\
# How a table becomes events: sales-pulse import deals.csv --mapping this.yaml --dry-run
format: csv              # csv, or jsonl (one flat JSON object a line)
delimiter: ";"           # default ,
encoding: utf-8          # or cp1251 and the like
source: crm://history    # the CloudEvents source: one for each system that the data comes from
timezone: Europe/Moscow  # for times that state no zone

# Each row makes each of these events that its `when` allows. Ids are derived from source, type, entity and
# version when `id` is absent, so that importing twice counts once.
events:
  - type: {constant: sales.deal.changed.v1}
    when: {column: Status, is: [Open, Won, Lost]}   # or {column: Paid, filled: true}
    time: {column: Changed, format: "%d.%m.%Y %H:%M"}   # strptime, unix, or nothing for RFC 3339
    sequence: {column: Version, width: 10}              # zeros are put before it
    data:
      deal_id: Number                                   # a column
      client_id: {column: Client, prefix: "crm-"}       # opaque: no names, numbers or addresses of clients
      manager_id: Owner
      team_id: Department
      pipeline: {constant: retail}
      stage: Stage
      status: {column: Status, values: {Open: open, Won: won, Lost: lost}, default: open}
      amount: {column: Amount}                          # "1 250,50" is understood
      currency: {column: Currency, default: RUB}
      probability: {column: Chance, scale: 0.01}        # percent
      created_at: {column: Created, format: "%d.%m.%Y %H:%M"}
      closed_at: {column: Closed, format: "%d.%m.%Y %H:%M"}   # empty cells leave a field out
  - type: {constant: sales.payment.received.v1}
    when: {column: Paid, filled: true}
    time: {column: Paid, format: "%d.%m.%Y %H:%M"}
    data:
      payment_id: {column: Number, prefix: "pay-"}
      client_id: {column: Client, prefix: "crm-"}
      manager_id: Owner
      deal_id: Number
      amount: Amount
      currency: {column: Currency, default: RUB}
"""
