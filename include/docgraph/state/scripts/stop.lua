-- KEYS: state of the job.
-- ARGV: at, job_id, run_id or '' for anybody, 'failed' or 'cancelled', code, message, token of the call.
-- Returns 1 where the job was stopped (by this call, whichever repetition of it), and the status before;
-- nothing where there is no such job.
local at, job_id, run_id, after = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local code, message, token = ARGV[5], ARGV[6], ARGV[7]
local status, holder, last_token, last_before = fields(KEYS[1], 'status', 'run_id', 'token', 'before')
if status == '' then
  return {}
end
if last_token == token then
  return {1, last_before}
end
if FINAL[status] then
  return {(run_id ~= '' and holder == run_id and status == after) and 1 or 0, status}
end
if run_id ~= '' and not (LIVE[status] and holder == run_id) then
  return {0, status}
end
redis.call('HSET', KEYS[1], 'token', token, 'before', status)
stop(job_id, status, after, at, code, message)
return {1, status}
