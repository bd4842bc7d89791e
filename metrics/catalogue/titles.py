"""What people call families and entities, in English and Russian: explain and its table say it beside the names."""

from metrics import catalogue
from metrics.kpi import Kpi

Title = tuple[str, str]
"""English, Russian."""
LANGUAGES = ("en", "ru")

FAMILIES: dict[str, Title] = {family.name: (family.title, family.title_ru) for family in catalogue.FAMILIES}
"""Family → title."""

ENTITIES: dict[str, Title] = {
    "call": ("Call", "Звонок"),
    "meeting": ("Meeting", "Встреча"),
    "rating": ("Rating", "Оценка"),
    "cost": ("Cost", "Затрата"),
    "payment": ("Payment", "Платёж"),
    "refund": ("Refund", "Возврат"),
    "deal": ("Deal", "Сделка"),
    "invoice": ("Invoice", "Счёт"),
    "lead": ("Lead", "Лид"),
    "chat": ("Chat", "Чат"),
    "message": ("Message", "Сообщение"),
    "client": ("Client", "Клиент"),
    "plan": ("Plan", "План"),
    "miss": ("Missed call", "Пропущенный"),
    "calendar": ("Calendar", "Календарь"),
}
"""Kind of an entity → title."""


def title_of(name: str, language: str) -> str:
    """What people call a family or an entity; its own name where nobody has said."""
    found = FAMILIES.get(name) or ENTITIES.get(name)
    return found[LANGUAGES.index(language)] if found else name


def title_of_kpi(kpi: Kpi, language: str) -> str:
    """What people call a KPI."""
    return kpi.title_ru if language == "ru" else kpi.title
