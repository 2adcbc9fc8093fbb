-- KEYS: document.   ARGV: fence that the graph has committed.   Returns the next fence.
local counter = tonumber((fields(KEYS[1], 'fence'))) or 0
local fence = math.max(counter, tonumber(ARGV[1])) + 1
redis.call('HSET', KEYS[1], 'v', SCHEMA_VERSION, 'fence', whole(fence))
return fence
