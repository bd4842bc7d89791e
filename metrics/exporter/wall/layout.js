// Made by `sales-pulse generate` from metrics/catalogue; do not edit.
/** `about`: a label value that the title names, as the number is of this alone. `still`: has no trend. `now`: has no history. */
export const TILES = [
  { number: 1, main: { id: "sales_calls:sum", labels: {} }, more: [{ id: "sales_meetings:sum", labels: {}, name: "meetings" }, { id: "sales_deals_closed:sum", labels: { outcome: "won" }, name: "won" }] },
  { number: 2, main: { id: "sales_response_seconds:p50", labels: { channel: "call" } }, about: "calls", more: [{ id: "sales_response_seconds:p50", labels: { channel: "chat" }, name: "chats" }, { id: "sales_service_level:ratio", labels: { channel: "call" }, name: "level" }] },
  { number: 3, main: { id: "sales_win:ratio", labels: {} }, more: [{ id: "sales_deals_closed:sum", labels: { outcome: "won" }, name: "won" }, { id: "sales_deals_closed:sum", labels: { outcome: "lost" }, name: "lostDeals" }] },
  { number: 4, main: { id: "sales_won_amount:per_manager", labels: {} }, more: [{ id: "sales_won_amount:sum", labels: {}, name: "total" }, { id: "sales_revenue_amount:sum", labels: {}, name: "cash" }] },
  { number: 5, main: { id: "sales_clients_ready:sum", labels: {} }, still: true, now: true, more: [] },
  { number: 6, main: { id: "sales_leads_warmed:ratio", labels: {} }, more: [] },
  { number: 7, main: { id: "sales_repeat_deals:sum", labels: {} }, more: [{ id: "sales_repeat_amount:sum", labels: {}, name: "volume" }, { id: "sales_repeat_deals:ratio", labels: {}, name: "share" }] },
  { number: 8, main: { id: "sales_rating_score:mean", labels: {} }, more: [] },
  { number: 9, main: { id: "sales_average_check:mean", labels: {} }, more: [] },
  { number: 10, main: { id: "sales_payback:ratio", labels: {} }, more: [] },
  { number: 11, main: { id: "sales_receivable_amount:sum", labels: {} }, still: true, now: true, more: [{ id: "sales_receivable_overdue:ratio", labels: {}, name: "overdue" }, { id: "sales_receivable:dso_days", labels: {}, name: "dso" }] },
  { number: 12, main: { id: "sales_deal_duration_seconds:mean", labels: {} }, more: [{ id: "sales_deal_duration_seconds:p50", labels: {}, name: "median" }, { id: "sales_deal_duration_seconds:p90", labels: {}, name: "p90" }] },
  { number: 13, main: { id: "sales_margin:ratio", labels: {} }, more: [{ id: "sales_revenue_profit:ratio", labels: {}, name: "ratio" }] },
  { number: 14, main: { id: "sales_plan_won_amount:growth", labels: { window: "month" } }, about: "inMonth", still: true, more: [{ id: "sales_plan_won_amount:growth", labels: { window: "quarter" }, name: "inQuarter" }, { id: "sales_plan_won_amount:growth", labels: { window: "year" }, name: "inYear" }] },
  { number: 15, main: { id: "sales_plan_won_amount:ratio", labels: { window: "month" } }, about: "inMonth", still: true, more: [{ id: "sales_plan_won_amount:left", labels: { window: "month" }, name: "left" }, { id: "sales_plan_won_amount:needed_per_day", labels: { window: "month" }, name: "need" }, { id: "sales_plan_won_amount:forecast", labels: { window: "month" }, name: "forecast" }] },
];
/** KPI 2 for those whom nobody answered at first: they stand by the list of whom to call. */
export const ANSWERS = [
  { number: "2-callbacks", main: { id: "sales_callback_level:ratio", labels: {} }, more: [{ id: "sales_missed_returned:ratio", labels: {}, name: "calledBack" }, { id: "sales_callback_business_seconds:p90", labels: {}, name: "p90" }] },
  { number: "2-leads", main: { id: "sales_lead_level:ratio", labels: {} }, more: [{ id: "sales_lead_response_business_seconds:p50", labels: {}, name: "median" }, { id: "sales_lead_response_business_seconds:p90", labels: {}, name: "p90" }] },
];
