-- KEYS: state of the job, its checkpoints.   ARGV: stage, checkpoint.   Returns 0 where there is no such job.
if redis.call('EXISTS', KEYS[1]) == 0 then
  return 0
end
redis.call('HSET', KEYS[2], 'v', SCHEMA_VERSION, ARGV[1], ARGV[2])
return 1
