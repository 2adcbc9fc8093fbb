-- KEYS: state of the job, its checkpoints, the gate.   ARGV: at, job_id, run_id, stage.
-- Returns 1 where the stage may go on, the job's state, its checkpoints and the gate; all of one moment.
local at, job_id, run_id, stage = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local live, status = is_live_under(job_id, run_id)
if live and fields(KEYS[1], 'stage') ~= stage then
  redis.call('HSET', KEYS[1], 'stage', stage, 'updated_at', at)
  append_event(job_id, at, stage, status, 0, 0, '', '')
end
return {live and 1 or 0, redis.call('HGETALL', KEYS[1]), redis.call('HGETALL', KEYS[2]), redis.call('HGETALL', KEYS[3])}
