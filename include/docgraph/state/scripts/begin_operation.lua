-- KEYS: hash and events of the operation.
-- ARGV: run_id, kind, tags (JSON), at, version of the schema.
-- Repeated, it finds the operation and changes nothing.
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('HSET', KEYS[1], 'v', ARGV[5], 'run_id', ARGV[1], 'kind', ARGV[2], 'tags', ARGV[3], 'status', 'queued',
    'created_at', ARGV[4])
  redis.call('EXPIRE', KEYS[1], EVENTS_TTL)
end
return 1
