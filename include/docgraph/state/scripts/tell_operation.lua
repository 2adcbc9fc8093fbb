-- KEYS: hash and events of the operation.
-- ARGV: at, event, data (JSON), field to set ('' for none), its value.
-- Returns 1; 0 where there is no such operation or it has ended. Sent again after a lost answer, it tells the same twice.
local status = fields(KEYS[1], 'status')
if status == '' or FINAL[status] then
  return 0
end
redis.call('HSET', KEYS[1], 'status', 'running')
if ARGV[4] ~= '' then
  redis.call('HSET', KEYS[1], ARGV[4], ARGV[5])
end
redis.call('XADD', KEYS[2], 'MAXLEN', '~', EVENTS_KEPT, '*', 'at', ARGV[1], 'event', ARGV[2], 'data', ARGV[3])
-- What nobody ends is forgotten too, some days after the last word.
redis.call('EXPIRE', KEYS[1], EVENTS_TTL)
redis.call('EXPIRE', KEYS[2], EVENTS_TTL)
return 1
