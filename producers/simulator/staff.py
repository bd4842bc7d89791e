"""Who works on the floor: teams, people and how good each of them is, the same for a seed for ever."""

from bisect import bisect
from dataclasses import dataclass
from itertools import accumulate
from random import Random

_TEAMS = (
    "Key Accounts", "Север", "Enterprise", "Урал", "Retail Москва", "Юг", "SMB", "Сибирь",
    "Partners", "Волга", "Inside Sales", "Центр", "E-commerce", "Дальний Восток", "Renewals", "Нева",
)  # fmt: skip
_PEOPLE = (
    ("Анна", "Соколова"), ("Игорь", "Панин"), ("Maria", "Keller"), ("Дмитрий", "Орлов"), ("Daniel", "Novak"),
    ("Елена", "Морозова"), ("Тимур", "Галиев"), ("Olga", "Weber"), ("Сергей", "Лебедев"), ("Марина", "Козлова"),
    ("Peter", "Lindqvist"), ("Алина", "Юсупова"), ("Павел", "Зайцев"), ("Наталья", "Белова"), ("Emma", "Larsen"),
    ("Артём", "Власов"), ("Ксения", "Фролова"), ("Руслан", "Каримов"), ("Sofia", "Marino"), ("Виктор", "Громов"),
    ("Дарья", "Тихонова"), ("Максим", "Ершов"), ("Lucas", "Meyer"), ("Юлия", "Андреева"), ("Олег", "Сафонов"),
    ("Полина", "Жукова"), ("Андрей", "Крылов"), ("Hanna", "Virtanen"), ("Роман", "Титов"), ("Вера", "Полякова"),
    ("Михаил", "Ларин"), ("Tomas", "Horak"), ("Светлана", "Гусева"), ("Кирилл", "Абрамов"), ("Ирина", "Дорофеева"),
    ("Никита", "Савельев"), ("Clara", "Jensen"), ("Григорий", "Осипов"), ("Лилия", "Хасанова"), ("Егор", "Мартынов"),
)  # fmt: skip
_SHIFTS = ((6, 15), (9, 18), (9, 18), (14, 23), (22, 31))


@dataclass(frozen=True, slots=True)
class SimulatedManager:
    """One salesperson. `skill` and `check` multiply what is usual; `slowness` multiplies answering times."""

    index: int
    id: str
    name: str
    team: str
    skill: float
    check: float
    slowness: float
    zeal: float


class Staff:
    """All managers of a floor and who of them is there at an hour."""

    def __init__(self, seed: int, managers: int) -> None:
        rng = Random(f"staff:{seed}")  # noqa: S311  # a seed, not a secret
        sizes = _team_sizes(rng, managers)
        teams = [team for number, size in enumerate(sizes) for team in [_team_name(number)] * size]
        self.managers = tuple(_manager(rng, index, team) for index, team in enumerate(teams))
        self.teams = tuple(dict.fromkeys(teams))
        self._by_team: dict[str, list[SimulatedManager]] = {}
        for manager in self.managers:
            self._by_team.setdefault(manager.team, []).append(manager)
        self._weights = list(accumulate(manager.zeal for manager in self.managers))
        self._on_duty: dict[tuple[int, int], tuple[SimulatedManager, ...]] = {}

    def anyone(self, rng: Random) -> SimulatedManager:
        """Return a manager, the keener ones more often."""
        return self.managers[bisect(self._weights, rng.random() * self._weights[-1])]

    def colleague(self, rng: Random, of: SimulatedManager) -> SimulatedManager:
        """Return a manager of the same team, now and then the same one."""
        team = self._by_team[of.team]
        return team[int(rng.random() * len(team))]

    def present(self, rng: Random, day: int, hour: int) -> SimulatedManager:
        """Return someone who works at this local hour (shifts, two days off in seven)."""
        key = (day % 7, hour)
        crew = self._on_duty.get(key)
        if crew is None:
            crew = tuple(m for m in self.managers if _works(m.index, *key)) or self.managers
            self._on_duty[key] = crew
        return crew[int(rng.random() * len(crew))]


def _works(index: int, day: int, hour: int) -> bool:
    begin, end = _SHIFTS[index % len(_SHIFTS)]
    return (index * 3 + day) % 7 < 5 and (begin <= hour < end or begin <= hour + 24 < end)


def _team_sizes(rng: Random, managers: int) -> list[int]:
    count = max(1, round(managers / 6.5))
    sizes = [managers // count + (number < managers % count) for number in range(count)]
    for _ in range(count):  # uneven, but between 5 and 8
        more, fewer = rng.randrange(count), rng.randrange(count)
        if more != fewer and sizes[more] < 8 and sizes[fewer] > 5:
            sizes[more] += 1
            sizes[fewer] -= 1
    return sizes


def _team_name(number: int) -> str:
    again, place = divmod(number, len(_TEAMS))
    return _TEAMS[place] if not again else f"{_TEAMS[place]} {again + 1}"


def _manager(rng: Random, index: int, team: str) -> SimulatedManager:
    again, place = divmod(index, len(_PEOPLE))
    first, last = _PEOPLE[place]
    if again:  # namesakes get an initial, which keeps grammar and gender right
        first = f"{first} {chr(ord('A') + again % 26)}."
    return SimulatedManager(
        index=index,
        id=f"m-{index + 1:02d}",
        name=f"{first} {last}",
        team=team,
        skill=min(1.4, max(0.65, rng.gauss(1.0, 0.18))),
        check=min(1.3, max(0.75, rng.gauss(1.0, 0.12))),
        slowness=min(1.7, max(0.6, rng.gauss(1.0, 0.22))),
        zeal=min(1.5, max(0.6, rng.gauss(1.0, 0.2))),
    )
