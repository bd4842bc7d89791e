"""What the page of sources says, in Russian. What was refused and why is in English, as senders got it."""

RUSSIAN = {
    "Sources": "Источники",
    "What became of events in the last 24 hours. Times are UTC.": (
        "Что стало с событиями за последние 24 часа. Время UTC."
    ),
    "Nothing came in the last day.": "За последние сутки ничего не приходило.",
    "(no source that could be read)": "(источник прочитать не удалось)",
    "refused events": "есть отказы",
    "forwarded": "с пересылкой",
    "all taken": "всё принято",
    "only what this gateway has seen since it started is known here": (
        "здесь известно только то, что видел этот шлюз с тех пор, как запущен"
    ),
    "only what this gateway has seen lately is known now": "сейчас известно только то, что этот шлюз видел недавно",
    "events a minute, lately": "событий в минуту, в последнее время",
    "taken over HTTP": "принято по HTTP",
    "counted, over HTTP and Kafka": "посчитано, по HTTP и из Kafka",
    "refused": "отказов",
    "waiting dead letters": "ждут разбора",
    "not known": "неизвестно",
    "Events by hour, at most": "События по часам, не больше",
    "No events": "Событий нет",
    "Waiting dead letters": "Ждут разбора",
    "reason": "причина",
    "records": "записей",
    "what to change": "что исправить",
    "Forwarded: on another partition than their client's, counted all the same": (
        "Пересланы: лежали не в том разделе, где их клиент; посчитаны всё равно"
    ),
    "what to set in the client": "что настроить в клиенте Kafka",
    "Unknown fields, ignored": "Неизвестные поля, пропущены",
    "field": "поле",
    "times": "раз",
    "Last refusals": "Последние отказы",
    "last at": "последний раз",
    "by": "откуда",
    "what is wrong and what to do": "что не так и что делать",
    "Last event of each type, over HTTP": "Последнее событие каждого типа, по HTTP",
    "type": "тип",
    "at": "когда",
    # remedies.FORWARDED
    "set the client_id of data as the record's key": "ключом записи сделайте client_id из data",
    "write the key as plain text: a string serializer, no quotes, no JSON, no schema id": (
        "пишите ключ простым текстом: строковый сериализатор, без кавычек, без JSON, без номера схемы"
    ),
    "take the client_id of data as the key, not another id": "ключом берите client_id из data, а не другой номер",
    "set the client's partitioner to Kafka's murmur2 (librdkafka: partitioner=murmur2_random)": (
        "выберите в клиенте распределение murmur2, как в Kafka (librdkafka: partitioner=murmur2_random)"
    ),
    # remedies.LETTERS
    "send one JSON object in UTF-8 as the value": "значением шлите один объект JSON в UTF-8",
    "send the attributes that CloudEvents requires: specversion, id, source, type and time": (
        "шлите атрибуты, которых требует CloudEvents: specversion, id, source, type и time"
    ),
    "send one of the types of the contract, on its topic": "шлите один из типов контракта, в его топик",
    "send data as the type's schema says; each refusal names the field": (
        "шлите data, как велит схема типа; каждый отказ называет поле"
    ),
    "leave partitionkey out, or send the client_id": "не шлите partitionkey или шлите в нём client_id",
    "leave forwarded- headers to the workers": "заголовки forwarded- ставят только обработчики",
    "send less than 256 KiB, key, value and headers together": (
        "шлите меньше 256 КиБ: ключ, значение и заголовки вместе"
    ),
    "send when it happened, with the right zone; set the sender's clock": (
        "шлите время события с верным часовым поясом; проверьте часы отправителя"
    ),
    "nothing: whoever runs Kafka sets message.timestamp.type=LogAppendTime": (
        "ничего: message.timestamp.type=LogAppendTime ставит тот, кто ведёт Kafka"
    ),
}
