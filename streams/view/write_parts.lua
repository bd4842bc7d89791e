-- Writes one round of the view at once, so that whoever reads meanwhile sees all of it or nothing. A part that is there
-- with a greater fence stays: whoever lost a partition can do no harm. KEYS: the hashes. ARGV[1]: their time to live,
-- seconds. ARGV[4]: fields and values in turn, end to end, ARGV[3] their lengths, ARGV[2] by hash: how many pairs it
-- has, the manifest that counts it with its name in there ("" for none), and 0 for some of its parts, 1 for all, 2 to
-- drop it. (msgpack: few arguments, because each costs the worker more than what is in it.) A value is 16 hex digits of
-- fence and a payload; one without payload takes the field away.
-- The manifest says how many fields a hash has. When that was not so before a write, parts were lost, and -1 keeps it
-- in mind until all of them are written again.
local plan, lengths, text = cmsgpack.unpack(ARGV[2]), cmsgpack.unpack(ARGV[3]), ARGV[4]
local at, piece = 1, 1
for number, key in ipairs(KEYS) do
  local count, manifest, name, mode = unpack(plan[number])
  local before = redis.pcall('HLEN', key)
  if type(before) == 'table' then
    redis.call('DEL', key)
    before = -1
  end
  for _ = 1, count do
    local middle = at + lengths[piece]
    local field, value = string.sub(text, at, middle - 1), string.sub(text, middle, middle + lengths[piece + 1] - 1)
    at = middle + lengths[piece + 1]
    piece = piece + 2
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
  if mode == 2 then
    redis.call('DEL', key)
    redis.call('HDEL', manifest, name)
  elseif manifest ~= '' then
    local after = redis.call('HLEN', key)
    local counted = tonumber(redis.call('HGET', manifest, name) or 'nan')
    if mode == 0 and (counted ~= before or before < 0) then
      after = -1
    end
    if after ~= counted then
      redis.call('HSET', manifest, name, after)
    end
    redis.call('EXPIRE', manifest, ARGV[1])
  end
end
return redis.status_reply('OK')
