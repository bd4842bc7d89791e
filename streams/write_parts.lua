-- Writes parts into one hash of the view, unless a part that is there has a greater fence: whoever lost a partition
-- can do no harm. KEYS[1]: the hash. ARGV[1]: its time to live, seconds. ARGV[3]: fields and values in turn, end to
-- end, ARGV[2] their lengths as msgpack: two arguments, because each costs the worker more than what is in it. A value
-- is 16 hex digits of fence and a payload; one without payload takes the field away.
local key, text, at = KEYS[1], ARGV[3], 1
local lengths = cmsgpack.unpack(ARGV[2])
for i = 1, #lengths, 2 do
  local middle = at + lengths[i]
  local field, value = string.sub(text, at, middle - 1), string.sub(text, middle, middle + lengths[i + 1] - 1)
  at = middle + lengths[i + 1]
  local stored = redis.call('HGET', key, field)
  if not stored or string.sub(stored, 1, 16) <= string.sub(value, 1, 16) then
    if #value > 16 then
      redis.call('HSET', key, field, value)
    else
      redis.call('HDEL', key, field)
    end
  end
end
redis.call('EXPIRE', key, ARGV[1])
return redis.status_reply('OK')
