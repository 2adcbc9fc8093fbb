-- KEYS: index of the ended jobs.   ARGV: microseconds that a job has to be over, most jobs to remove.
-- Returns the number of jobs removed.
local old = redis.call('ZRANGE', KEYS[1], '-inf', whole(clock() - tonumber(ARGV[1])), 'BYSCORE', 'LIMIT', 0, ARGV[2])
for _, job_id in ipairs(old) do
  local tag, status = fields(STATE .. job_id, 'tag', 'status')
  leave_run(job_id)
  redis.call('DEL', STATE .. job_id, CHECKPOINT .. job_id, EVENTS .. job_id)
  redis.call('ZREM', INDEX_ALL, job_id)
  redis.call('ZREM', INDEX_TAG .. tag, job_id)
  redis.call('ZREM', INDEX_STATUS .. status, job_id)
  redis.call('ZREM', INDEX_TAG_STATUS .. tag .. ':' .. status, job_id)
  redis.call('ZREM', KEYS[1], job_id)
end
return #old
