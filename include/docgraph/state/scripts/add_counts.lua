-- KEYS: state of the job.   ARGV: at, job_id, run_id, token of the call, then name and number of each count.
-- Returns 1 where the counts are in.
local at, job_id, run_id, token = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
if not is_live_under(job_id, run_id) then
  return 0
end
if fields(KEYS[1], 'counts_token') == token then
  return 1
end
for i = 5, #ARGV, 2 do
  redis.call('HINCRBY', KEYS[1], COUNT .. ARGV[i], ARGV[i + 1])
end
redis.call('HSET', KEYS[1], 'counts_token', token, 'updated_at', at)
return 1
