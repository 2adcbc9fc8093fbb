-- KEYS: gate.   ARGV: 'open' or 'closed', reason, at.   `since` moves only where the gate does.
if redis.call('HGET', KEYS[1], 'state') ~= ARGV[1] then
  redis.call('HSET', KEYS[1], 'since', ARGV[3])
end
redis.call('HSET', KEYS[1], 'v', SCHEMA_VERSION, 'state', ARGV[1], 'reason', ARGV[2])
