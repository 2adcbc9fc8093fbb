-- KEYS: state of the job, its checkpoints.
-- ARGV: stage, checkpoint, then at, job_id, items, unit and token of the call where the job's stream is told.
-- Returns 0 where there is no such job.
if redis.call('EXISTS', KEYS[1]) == 0 then
  return 0
end
redis.call('HSET', KEYS[2], 'v', SCHEMA_VERSION, ARGV[1], ARGV[2])
if #ARGV > 2 and fields(KEYS[1], 'event_token') ~= ARGV[7] then
  redis.call('HSET', KEYS[1], 'event_token', ARGV[7])
  append_event(ARGV[4], ARGV[3], ARGV[1], 'done', ARGV[5], ARGV[5], ARGV[6], '')
end
return 1
