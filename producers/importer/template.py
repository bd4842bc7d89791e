"""A commented mapping to begin with: what `sales-pulse import --template` prints."""

TEMPLATE = """\
# How a table becomes events: sales-pulse import deals.csv --mapping this.yaml --dry-run
format: csv              # csv (also .xlsx and other spreadsheets), or jsonl (one flat JSON object a line)
delimiter: ";"           # found out from the header when it is not said
encoding: utf-8          # or cp1251 and the like; found out from the file when it is not said
# empty: ["not closed", "-"]   # texts in cells where there is nothing, instead of NULL, \\N, #N/A and 0000-00-00
# sheet: Deals           # of a spreadsheet; the first when it is not said
# escape: "\\\\"         # where quotes inside quoted cells are not doubled but come as \\"
source: crm://history    # the CloudEvents source: one for each system that the data comes from
timezone: Europe/Moscow  # for times that state no zone

# Each row makes each of these events that its `when` allows. Ids are derived from source, type, entity and
# version when `id` is absent, so that importing twice counts once.
events:
  - type: {constant: sales.deal.changed.v1}
    when: {column: Status, is: [Open, Won, Lost]}       # also not, filled, negative; a list: all of them have to hold
    time: {column: Changed, format: ["%d.%m.%Y %H:%M", "%d.%m.%Y"]}   # strptime (%B: months by name), unix, excel
    sequence: {column: Version, width: 10}              # zeros are put before it
    data:
      deal_id: Number                                   # a column
      client_id: {column: Client, prefix: "crm-"}       # opaque; of a name: {column: Client, hash: true}
      manager_id: Owner
      team_id: Department
      pipeline: {constant: retail}                      # {column: [Funnel, Kind]}: the first that is filled
      stage: Stage
      status: {column: Status, values: {Open: open, Won: won, Lost: lost}, default: open}
      amount: {column: Amount}                          # "1 250,50 руб." is understood; decimal: "," or places: 2
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
