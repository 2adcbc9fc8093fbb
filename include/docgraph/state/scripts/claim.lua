-- KEYS: set of the run's jobs, index of the tag's queued jobs.
-- ARGV: at, run_id, tag, limit, pipeline fingerprint, 'ids' or 'tag', job ids (with 'ids').
-- Returns the ids of all jobs that the run holds, the newly claimed ones among them.
local at, run_id, tag, limit, pipeline = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]
local held = redis.call('SCARD', KEYS[1])
local wanted = {}
if ARGV[6] == 'ids' then
  for i = 7, #ARGV do
    wanted[#wanted + 1] = ARGV[i]
  end
elseif held == 0 and limit > 0 then
  -- A repeated claim of "whatever is queued" gets what it got before and not the next helping.
  wanted = redis.call('ZRANGE', KEYS[2], 0, limit - 1)
end

for _, job_id in ipairs(wanted) do
  local status, job_tag = fields(STATE .. job_id, 'status', 'tag')
  if held < limit and status == 'queued' and job_tag == tag and is_readable(job_id) then
    leave_queue(job_id)
    redis.call('SADD', KEYS[1], job_id)
    redis.call('HSET', STATE .. job_id, 'run_id', run_id, 'started_at', at, 'pipeline', pipeline)
    change_status(job_id, 'queued', 'running', at, 'claimed by run ' .. run_id)
    held = held + 1
  elseif held < limit and status == 'failed' and job_tag == tag
    and fields(STATE .. job_id, 'run_id') == '' and fields(STATE .. job_id, 'rejected_entry') ~= '' then
    -- A request that was refused at intake has no work, but belongs into the report of the run it came with.
    redis.call('SADD', KEYS[1], job_id)
    redis.call('HSET', STATE .. job_id, 'run_id', run_id)
    held = held + 1
  end
end
return redis.call('SMEMBERS', KEYS[1])
