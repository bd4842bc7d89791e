-- Writes parts into one hash of the view, unless a part that is there has a greater fence: whoever lost a partition
-- can do no harm. KEYS[1]: the hash. ARGV[1]: its time to live, seconds. Then pairs of field and value; a value is
-- 16 hex digits of fence and a payload, and a value without payload takes the field away.
local key = KEYS[1]
for i = 2, #ARGV, 2 do
  local field, value = ARGV[i], ARGV[i + 1]
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
