-- KEYS: the gate.   ARGV: job_id, run_id.   Returns 1 where the job is this run's to work on, and the gate.
local live = is_live_under(ARGV[1], ARGV[2])
return {live and 1 or 0, redis.call('HGETALL', KEYS[1])}
