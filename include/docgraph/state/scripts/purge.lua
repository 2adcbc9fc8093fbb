-- KEYS: index of the ended jobs.   ARGV: microseconds that a job has to be over, most jobs to remove.
-- Returns the number of jobs removed.
local old = redis.call('ZRANGE', KEYS[1], '-inf', whole(clock() - tonumber(ARGV[1])), 'BYSCORE', 'LIMIT', 0, ARGV[2])
for _, job_id in ipairs(old) do
  remove_job(job_id)
end
return #old
