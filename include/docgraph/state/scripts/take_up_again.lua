-- KEYS: state of the job.   ARGV: at, job_id, run_id, error code of a job that its run's report gave up.
-- Returns 1 where the job is running under this run again, as its next attempt.
local at, job_id, run_id, given_up = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local live, status = is_live_under(job_id, run_id)
if live then
  return 1
end
local holder, code, document_id, attempt = fields(KEYS[1], 'run_id', 'error_code', 'document_id', 'attempt')
if status ~= 'failed' or holder ~= run_id or code ~= given_up or queued_job(document_id) ~= '' then
  return 0
end
redis.call('HSET', KEYS[1], 'attempt', tonumber(attempt) + 1, 'outcome', '', 'error', '', 'error_code', '', 'report', '',
  'finished_at', '')
change_status(job_id, status, 'running', at, 'its task was cleared in run ' .. run_id)
return 1
