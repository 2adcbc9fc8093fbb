-- KEYS: state of the job.   ARGV: at, job_id, run_id, 'paused' or 'running', reason.
-- Returns 1 where the job has that status now.
local at, job_id, run_id, after, reason = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local live, status = is_live_under(job_id, run_id)
if not live then
  return 0
end
if status ~= after then
  change_status(job_id, status, after, at, reason)
end
return 1
