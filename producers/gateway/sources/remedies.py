"""What a sender has to change for each thing that is counted against it."""

FORWARDED = {
    "no_key": "set the client_id of data as the record's key",
    "key_spelling": "write the key as plain text: a string serializer, no quotes, no JSON, no schema id",
    "other_key": "take the client_id of data as the key, not another id",
    "other_partitioner": "set the client's partitioner to Kafka's murmur2 (librdkafka: partitioner=murmur2_random)",
}
"""Of records that lay on another partition than their client's; they count all the same."""
LETTERS = {
    "not_json": "send one JSON object in UTF-8 as the value",
    "not_cloudevents": "send the attributes that CloudEvents requires: specversion, id, source, type and time",
    "unknown_type": "send one of the types of the contract, on its topic",
    "invalid_data": "send data as the type's schema says; each refusal names the field",
    "wrong_key": "leave partitionkey out, or send the client_id",
    "wrong_partition": "leave forwarded- headers to the workers",
    "too_large": "send less than 256 KiB, key, value and headers together",
    "time_out_of_range": "send when it happened, with the right zone; set the sender's clock",
    "no_broker_time": "nothing: whoever runs Kafka sets message.timestamp.type=LogAppendTime",
}
"""Of records that could not be used. Once the sender is fixed, whoever runs the service replays them."""
