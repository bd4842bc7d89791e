"""A commented reference file to begin with: what `sales-pulse reference template` prints."""

TEMPLATE = """\
# Plans, people, rates and working hours: sales-pulse reference apply this.yaml --dry-run
# Every part may be left out. What is not named here stays as it is.

teams: [north, south]            # optional: guards against misspelt teams below

managers:
  - {id: m-1, name: "Anna Sokolova", team: north}
  - {id: m-2, name: "Daniel Novak", team: south}
  - {id: m-3, name: "Igor Panin", team: south, active: false}   # has left

plans:                           # measure: won_amount, revenue_amount, deals_won, calls, meetings
  - measure: won_amount
    period: "2026-11"            # a month, a quarter 2026-Q4, or a year 2026
    currency: RUB                # the base currency when left out; none for counts
    company: 3000000
    teams: {north: 1800000, south: 1200000}
    managers: {m-1: 1800000, m-2: 1200000}
  - measure: meetings
    period: "2026-Q4"
    managers: {m-1: 40, m-2: 40}

rates:                           # units of the base currency for one unit, from that day on
  USD: {2026-11-01: 92.41, 2026-12-01: 93.05}
  EUR: {2026-11-01: 99.8}

pipelines:                       # what people call pipelines and stages, where no connector says it
  - id: main
    name: "Main funnel"
    stages: {new: "New", offer: "Offer sent", won: "Won"}   # ids as events carry them, in their order
  - {id: leads, of: lead, name: "Leads", stages: {NEW: "New"}}

# calendar:                        # set SALES_CALENDAR to the file that it is written to, then remove these #
#   hours:
#     mon: ["09:00-13:00", "14:00-18:00"]
#     tue: ["09:00-18:00"]
#     wed: ["09:00-18:00"]
#     thu: ["09:00-18:00"]
#     fri: ["09:00-17:00"]
#   holidays: ["2027-01-01", "2027-01-07"]
#   days:
#     "2026-12-26": ["10:00-15:00"]   # an extra working day
"""
