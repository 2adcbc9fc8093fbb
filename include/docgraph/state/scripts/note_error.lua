-- KEYS: state of the job.   ARGV: at, job_id, run_id, message.
-- Keeps the error that a task is about to be retried for. Returns 1 where it is noted.
local at, job_id, run_id, message = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
if not is_live_under(job_id, run_id) then
  return 0
end
redis.call('HSET', KEYS[1], 'error', message, 'updated_at', at)
append_event(job_id, at, fields(KEYS[1], 'stage'), 'retrying', 0, 0, '', message)
return 1
