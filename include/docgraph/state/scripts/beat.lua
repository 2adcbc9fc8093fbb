-- KEYS: heartbeats.
-- ARGV: name, seconds until the next one is due, error or '', seconds for which the oldest claimed file has waited or ''.
-- Times are of this server's clock, so that those who read ages need not agree with those who tell. Returns nothing.
local now = math.floor(clock() / 1000)
local good = now
if ARGV[3] ~= '' then
  local read, before = pcall(cjson.decode, redis.call('HGET', KEYS[1], ARGV[1]) or '{}')
  good = read and type(before) == 'table' and tonumber(before.good) or 0
end
local claimed = ARGV[4] ~= '' and now - math.floor(tonumber(ARGV[4]) * 1000) or 0
redis.call('HSET', KEYS[1], ARGV[1], cjson.encode({
  v = SCHEMA_VERSION, at = whole(now), good = whole(good), every = ARGV[2], error = ARGV[3], claimed = whole(claimed),
}))
