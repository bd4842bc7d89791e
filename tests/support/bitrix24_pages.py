"""From which page of the official documentation each answer and each hook of the stand-in portal is.

Pages are those of bitrix24/b24restdocs, below `api-reference/` where nothing else is said, without their ending.
"""

ANSWERS = {
    "batch": "settings/how-to-call-rest-api/batch",
    "crm.activity.list": "crm/timeline/activities/activity-base/crm-activity-list",
    "crm.category.list": "crm/universal/category/crm-category-list",
    "crm.company.list": "crm/companies/crm-company-list",
    "crm.contact.list": "crm/contacts/crm-contact-list",
    "crm.currency.list": "crm/currency/crm-currency-list",
    "crm.item.fields": "crm/universal/crm-item-fields",
    "crm.item.get": "crm/universal/crm-item-get",
    "crm.item.list": "crm/universal/crm-item-list, fields in crm/universal/object-fields",
    "crm.item.payment.list": "crm/universal/payment/crm-item-payment-list",
    "crm.lead.list": "crm/leads/crm-lead-list",
    "crm.orderentity.list": "crm/universal/order-entity/crm-order-entity-list",
    "crm.stagehistory.list": "crm/crm-stage-history-list",
    "crm.status.list": "crm/status/crm-status-list",
    "crm.type.list": "crm/universal/user-defined-object-types/crm-type-list",
    "department.get": "departments/department-get",
    "imopenlines.session.history.get": "imopenlines/openlines/sessions/imopenlines-session-history-get",
    "imopenlines.v2.Session.Rating.list": "none found; a portal that lacks it leaves out ratings of chats",
    "profile": "common/users/profile",
    "sale.payment.list": "sale/payment/sale-payment-list",
    "scope": "common/system/scope",
    "user.get": "user/user-get",
    "voximplant.statistic.get": "telephony/voximplant/voximplant-statistic-get",
}
"""By method."""

REFUSALS = {
    "ACCESS_DENIED": "crm/universal/crm-item-get",
    "ERROR_METHOD_NOT_FOUND": "api-reference/rest-v3",
    "HTML": "none: seen by users under load, and where a portal has moved",
    "INVALID_CREDENTIALS": "_includes/system-errors",
    "NOT_FOUND": "crm/universal/crm-item-get",
    "OPERATION_TIME_LIMIT": "settings/performance/limits",
    "QUERY_LIMIT_EXCEEDED": "settings/performance/limits",
    "SESSION_NOT_FOUND": "imopenlines/openlines/sessions/imopenlines-session-history-get",
    "insufficient_scope": "_includes/system-errors",
}
"""By error code."""

HOOKS = {
    "ONCRMACTIVITY": "crm/timeline/activities/events",
    "ONCRMCOMPANY": "crm/companies/events",
    "ONCRMCONTACT": "crm/contacts/events",
    "ONCRMDEAL": "crm/deals/events",
    "ONCRMDYNAMICITEM": "crm/universal/events",
    "ONCRMLEAD": "crm/leads/events",
    "ONPAYMENTDELETED": "sale/events",
    "ONPAYMENTENTITYSAVED": "sale/events",
    "ONVOXIMPLANTCALL": "telephony/voximplant/events",
}
"""By what their names begin with."""
