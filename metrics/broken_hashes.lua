-- What a manifest counts that is not so, read at one moment. KEYS[1]: the manifest of a partition. ARGV[1], ARGV[2]:
-- what stands before and behind the name of each of its hashes. Returns how many hashes it names, then the names of
-- those that are gone, of another type, or have another number of fields than it says.
local counted = redis.pcall('HGETALL', KEYS[1])
if counted.err then
  return {0}
end
local found = {#counted / 2}
for i = 1, #counted, 2 do
  local size = redis.pcall('HLEN', ARGV[1] .. counted[i] .. ARGV[2])
  if type(size) == 'table' or size ~= tonumber(counted[i + 1]) then
    found[#found + 1] = counted[i]
  end
end
return found
