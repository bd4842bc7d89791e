"""The source of the structs (`wire/structs/`), written from the models: a field has one declaration.

Written as files rather than made at import, so that mypy knows every field.
"""

import re
from collections.abc import Iterator, Sequence
from inspect import get_annotations
from types import ModuleType, NoneType
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from producers.events.envelope import ClientData, ConditionalData, Data, Event
from producers.events.fields import on_wire
from producers.events.registry import ALL_TYPES, DOMAINS, EVENT_TYPES, REFERENCE_TYPES, type_of

FOLDER = "producers/events/wire/structs"
"""Where they are committed, from the root of the repository; nothing else lies there."""

_NOTE = "Made by `sales-pulse generate` from the models; do not edit."
_WIDTH = 120
_HOMES = {
    "msgspec": ("Meta", "Struct"),
    "producers.events.rules": ("EARLIEST", "is_date", "is_money", "is_period", "is_rate", "is_scope"),
    "producers.events.wire.envelope": ("Data", "Envelope", "Id", "Moment"),
    "producers.events.wire.known": ("in_range", "is_soon", "known_currency"),
    "typing": ("Annotated", "ClassVar", "Literal"),
    "typing_extensions": ("override",),
}
"""Module → what a struct may need of it, as an import lists them."""


def files() -> dict[str, bytes]:
    """Path from the root of the repository → content: structs per domain, the unions of all, and their checks."""
    made = {_name(domain): _module(domain) for domain in DOMAINS} | {"__init__": _unions(), "checks": _checks()}
    return {f"{FOLDER}/{name}.py": text.encode() for name, text in sorted(made.items())}


def _module(domain: ModuleType) -> str:
    """The structs of one domain's models, each in its place."""
    models = [found for found in vars(domain).values() if _is_own(found, domain)]
    body = "\n\n\n".join(_event(model) if issubclass(model, Event) else _data(model, domain) for model in models)
    choices = "\n".join(f"{name} = {_literal(kind)}" for kind, name in _choices(domain).items())
    said = (domain.__doc__ or "").split("\n")[0]
    parts = (f'"""{said}\n\n{_NOTE}\n"""', _imports(choices + body), choices)
    return "\n\n".join(filter(None, parts)) + f"\n\n\n{body}\n"


def _choices(domain: ModuleType) -> dict[Any, str]:
    """The closed lists of values that a domain names → the name."""
    return {kind: name for name, kind in vars(domain).items() if get_origin(kind) is Literal}


def _is_own(found: object, domain: ModuleType) -> bool:
    return isinstance(found, type) and issubclass(found, BaseModel) and found.__module__ == domain.__name__


def _imports(text: str) -> str:
    used = {
        module: [name for name in names if re.search(rf"\b{name}\b", re.sub(r'"""[^"]*"""', "", text))]
        for module, names in _HOMES.items()
    }
    lines = {module: _import(module, names) for module, names in used.items() if names}
    blocks = (("typing",), ("msgspec", "typing_extensions"), [name for name in lines if name.startswith("producers")])
    found = ["\n".join(lines[module] for module in block if module in lines) for block in blocks]
    return "\n\n".join(filter(None, found))


def _data(model: type[BaseModel], domain: ModuleType) -> str:
    names = _choices(domain)
    base = "Data" if issubclass(model, Data) else "Struct"
    lines = [f"class {model.__name__}({base}, frozen=True, gc=False):", f'    """{model.__doc__}"""', ""]
    for name, kind, field in _fields(model):
        default = "" if field.is_required() else " = None"
        lines.append(f"    {name}: {_annotation(kind, field.metadata, names)}{default}")
    return "\n".join(lines)


def _fields(model: type[BaseModel]) -> Iterator[tuple[str, Any, FieldInfo]]:
    """Name, annotation as written, and field, in the order in which they are written."""
    for name, kind in get_annotations(model).items():
        if name in model.model_fields:
            yield name, kind, model.model_fields[name]


def _annotation(kind: Any, metadata: list[Any], names: dict[Any, str]) -> str:
    if NoneType in get_args(kind):
        inner = next(part for part in get_args(kind) if part is not NoneType)
        return f"{_annotation(inner, metadata, names)} | None"
    if (found := on_wire(kind)) is not None:
        return found.annotation
    if kind in names:
        return names[kind]
    if get_origin(get_args(kind)[0] if get_args(kind) else kind) is list:
        of = get_args(get_args(kind)[0])[0]
        most = next(limit.max_length for limit in metadata if hasattr(limit, "max_length"))
        return f"Annotated[list[{of.__name__}], Meta(max_length={most})]"
    name: str = kind.__name__
    return name


def _event(model: type[Event]) -> str:
    kind = type_of(model)
    data = _data_of(model)
    lines = [
        f'class {model.__name__}(Envelope, frozen=True, gc=False, tag="{kind}"):',
        f'    """{model.__doc__}"""',
        "",
        f'    type: ClassVar[str] = "{kind}"',
        f"    data: {data.__name__}",
    ]
    if not issubclass(data, ClientData):
        template = data.keyed.replace("{", "{self.data.")
        plain = re.fullmatch(r"\{([\w.]+)\}", template)
        key = plain[1] if plain else f'f"{template}"'
        lines += ["", "    @property", "    @override", "    def key(self) -> str:", f"        return {key}"]
    return "\n".join(lines)


def _checks() -> str:
    """A function for each type with more to ask than types say; apart from the structs, which mypyc cannot compile."""
    models = {model: list(_asked(_data_of(model))) for model in ALL_TYPES.values()}
    asked = {model: checks for model, checks in models.items() if checks}
    homes = {domain.__name__: domain for domain in DOMAINS}
    body = "\n\n\n".join(
        "\n".join((f"def {_function(model)}(event: {model.__name__}) -> bool:", *_sound(checks)))
        for model, checks in asked.items()
    )
    structs = "\n".join(
        _import(f"{FOLDER.replace('/', '.')}.{_name(domain)}", names)
        for domain in sorted(homes.values(), key=_name)
        if (names := sorted(model.__name__ for model in asked if model.__module__ == domain.__name__))
    )
    table = "\n".join(f"    {model.__name__}: {_function(model)}," for model in asked)
    return (
        f'"""What no type says of an event, by its type.\n\n{_NOTE}\n"""\n\n'
        "from collections.abc import Callable\nfrom typing import Any, Final\n\n"
        f"{_imports(body)}\n{structs}\n\n\n{body}\n\n\n"
        f"CHECKS: Final[dict[type, Callable[[Any], bool]]] = {{\n{table}\n}}\n"
        '"""Type → whether an event of it is sound; what is not there has nothing more to be asked."""\n'
    )


def _function(model: type[Event]) -> str:
    return "_" + re.sub("(?<=[a-z])(?=[A-Z])", "_", model.__name__).lower()


def _data_of(model: type[Event]) -> type[Data]:
    return model.model_fields["data"].annotation  # type: ignore[return-value]


def _asked(data: type[Data]) -> Iterator[str]:
    """What no type says of the fields, as Python."""
    for name, kind, field in _fields(data):
        found = on_wire(kind)
        if found is None or not found.check:
            continue
        value = f"data.{name}"
        check = found.check.format(value)
        yield check if field.is_required() else f"{value} is None or {check}"
    if issubclass(data, ConditionalData):
        name, when, values, _ = data.needed
        meets = f'!= "{values[0]}"' if len(values) == 1 else f"not in {values!r}".replace("'", '"')
        yield f"data.{name} is not None or data.{when} {meets}"


def _sound(checks: list[str]) -> Iterator[str]:
    """The body of a check, as the formatter leaves it."""
    if len(checks) > 1:
        checks = [f"({check})" if " or " in check else check for check in checks]
    text = " and ".join(checks)
    if text.count("data.") == 1:
        text = text.replace("data.", "event.data.").replace(", time)", ", event.time)")
    else:
        yield "    data, time = event.data, event.time" if ", time)" in text else "    data = event.data"
    if len(line := f"    return {text}") <= _WIDTH:
        yield line
        return
    match checks:
        case [first, second] if second[0] == "(":
            yield f"    return {first} and ("
            yield f"        {second[1:-1]}"
        case _:
            yield "    return ("
            yield from (f"        {'and ' if number else ''}{check}" for number, check in enumerate(checks))
    yield "    )"


def _literal(kind: Any) -> str:
    return f"Literal[{', '.join(f'{chr(34)}{value}{chr(34)}' for value in get_args(kind))}]"


def _unions() -> str:
    """All types of a topic as what its decoder gives, and the fields that hold moments."""
    homes = {f"{FOLDER.replace('/', '.')}.{_name(domain)}": domain.__all__ for domain in sorted(DOMAINS, key=_name)}
    models = [model.__name__ for model in (*EVENT_TYPES.values(), *REFERENCE_TYPES.values())]
    data: list[Any] = [model.model_fields["data"].annotation for model in ALL_TYPES.values()]
    moments = ["time", *dict.fromkeys(name for one in data for name in (*one.times, *one.dues))]
    unions = [("Event", EVENT_TYPES), ("ReferenceEvent", REFERENCE_TYPES)]
    parts = (
        f'"""The types of each topic as structs.\n\n{_NOTE}\n"""',
        "\n".join(_import(module, names) for module, names in homes.items()),
        _listed("__all__ = [", ["MOMENTS", *sorted((*models, "Event", "ReferenceEvent"))], "]"),
        "\n".join(_union(name, [model.__name__ for model in types.values()]) for name, types in unions),
        _listed("MOMENTS = (", moments, ")") + '\n"""The fields of all types that hold moments."""\n',
    )
    return "\n\n".join(parts)


def _name(domain: ModuleType) -> str:
    return domain.__name__.rpartition(".")[2]


def _import(module: str, names: Sequence[str]) -> str:
    line = f"from {module} import {', '.join(names)}"
    return line if len(line) <= _WIDTH else f"from {module} import (\n" + "".join(f"    {n},\n" for n in names) + ")"


def _listed(head: str, names: list[str], end: str) -> str:
    return f"{head}\n" + "".join(f'    "{name}",\n' for name in names) + end


def _union(name: str, kinds: list[str]) -> str:
    line = f"{name} = {' | '.join(kinds)}"
    return line if len(line) <= _WIDTH else f"{name} = (\n    " + "\n    | ".join(kinds) + "\n)"
