-- KEYS: state of the job.   ARGV: at, job_id, run_id, outcome, fence, then name and number of each count.
-- Returns 1 where the job is completed by this run.
local at, job_id, run_id, outcome, fence = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local live, status = is_live_under(job_id, run_id)
if not live then
  return (status == 'completed' and fields(KEYS[1], 'run_id') == run_id) and 1 or 0
end
for i = 6, #ARGV, 2 do
  redis.call('HSET', KEYS[1], COUNT .. ARGV[i], ARGV[i + 1])
end
-- What a task was retried for is over; its event stays.
redis.call('HSET', KEYS[1], 'outcome', outcome, 'finished_at', at, 'error', '', 'error_code', '')
if fence ~= '0' then
  redis.call('HSET', KEYS[1], 'fence', fence)
end
change_status(job_id, status, 'completed', at, outcome)
return 1
