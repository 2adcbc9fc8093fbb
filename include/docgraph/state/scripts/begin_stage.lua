-- KEYS: state of the job.   ARGV: at, job_id, run_id, stage.   Returns 1 where the stage may go on.
local at, job_id, run_id, stage = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local live, status = is_live_under(job_id, run_id)
if not live then
  return 0
end
if fields(KEYS[1], 'stage') ~= stage then
  redis.call('HSET', KEYS[1], 'stage', stage, 'updated_at', at)
  append_event(job_id, at, stage, status, 0, 0, '', '')
end
return 1
