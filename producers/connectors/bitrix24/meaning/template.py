"""A commented mapping to begin with: what `sales-pulse bitrix24 mapping` prints."""

TEMPLATE = """\
# What a Bitrix24 portal's stages, fields and people mean. Everything is optional; the values are examples.
# Name the file in SALES_BITRIX24_MAPPING.

# Deals. Without an entry the portal's own meaning decides (in work, success, failure), and names are its codes.
stages:
  C2:PREPAYMENT: {name: prepayment}      # another name on the wall
  C2:FINAL_CHECK: {status: won}          # this stage already counts as won
ready_stages: [Invoice sent, C2:FINAL]    # by their names or ids; `check` says what SALES_READY_STAGES has to be
pipelines: {0: main, 2: wholesale}       # funnels by id
after_sales: [7]                         # funnels after the sale, by id: a deal that goes on there stays won as it was
cost_field: UF_CRM_1700000000            # field with a deal's direct cost, in the deal's currency
client: company                          # whose deal it is when it has both: company or contact

# Leads: status → cold, warm, hot. Without: NEW and failed ones cold, converted ones hot, others warm.
leads: {NEW: cold, IN_PROCESS: warm, PROCESSED: hot}

# Smart invoices: stage → issued, cancelled, written_off. Without: failed ones cancelled.
invoices: {DT31_1:D: written_off}
paid_by_stage: true                      # an invoice in a success stage is paid, also without a payment

meetings:
  types: [1]                             # TYPE_ID of activities
  providers: [ZOOM/ZOOM_CONF, CRM_TODO]  # PROVIDER_ID, or with PROVIDER_TYPE_ID; CRM_TODO: universal activities

calls: {603: missed, 603-S: abandoned}   # CALL_FAILED_CODE → answered, missed, abandoned, busy, failed

# People. Without: managers by user id, teams by the name of their first department.
managers: {12: m-petrova}
teams: {5: north}                        # by department id

# Smart processes by their entityTypeId (crm.type.list); fields as crm.item.fields names them, custom ones UF_CRM_...
processes:
  deals:                                 # whose items are sales, beside deals. Funnels are called DT1038_<category>
    1038: {amount: opportunity, currency: currencyId, manager: assignedById, cost: UF_CRM_5_1700000001}
  costs:                                 # category: a name, or the custom field that says it
    1042: {category: UF_CRM_7_1700000002, categories: {45: advertising}, date: begindate, manager: assignedById,
           stages: [DT1042_6:SUCCESS]}   # where a cost counts; without: in all stages but failure
  plans:                                 # level: manager, team, company; length: month, quarter, year
    1044: {target: opportunity, measure: won_amount, period: begindate, length: month, level: manager}

rates: portal                            # or none, or {USD: "92.5"}

# Open lines.
bots: [1024]                             # users that are bots although the portal does not say so
handoff: "(?i)operator|оператор"         # system messages by which a bot passes the chat to people
"""
