-- As of which fence the lists of one partition are there, read at one moment. KEYS: the hashes of lists. ARGV[1]: the
-- partition. Returns 16 hex digits for each, "" for what is not there or of another type.
local found = {}
for number, key in ipairs(KEYS) do
  local value = redis.pcall('HGET', key, ARGV[1])
  found[number] = type(value) == 'string' and string.sub(value, 1, 16) or ''
end
return found
