-- KEYS: hash and events of the operation.
-- ARGV: at, status, event, data (JSON), error (JSON, '' for none).
-- Returns 1 for the call that ended it; 0 where there is no such operation or it has ended.
local status = fields(KEYS[1], 'status')
if status == '' or FINAL[status] then
  return 0
end
redis.call('HSET', KEYS[1], 'status', ARGV[2], 'finished_at', ARGV[1], 'error', ARGV[5])
redis.call('XADD', KEYS[2], 'MAXLEN', '~', EVENTS_KEPT, '*', 'at', ARGV[1], 'event', ARGV[3], 'data', ARGV[4])
redis.call('EXPIRE', KEYS[1], EVENTS_TTL)
redis.call('EXPIRE', KEYS[2], EVENTS_TTL)
return 1
