-- KEYS: none that are known beforehand.
-- ARGV: at, entry, wished job id, job id to take where that one is in use, document_id, source_uri, content_type,
--       checksum, tag, created_at, op, code, message, id under which the entry is set aside ('' where its job can be resumed).
-- Returns the id of the failed job; '' where the entry is gone and nothing was done.
local at, entry, code, message = ARGV[1], ARGV[2], ARGV[12], ARGV[13]

for i = 3, 4 do
  if ARGV[i] ~= '' and fields(STATE .. ARGV[i], 'rejected_entry') == entry then
    return ARGV[i]
  end
end
local found = redis.call('XRANGE', JOBS, entry, entry)
if #found == 0 then
  return ''
end
redis.pcall('XACK', JOBS, CONSUMER_GROUP, entry)
redis.call('XDEL', JOBS, entry)

local job_id = ARGV[3]
if job_id == '' or redis.call('EXISTS', STATE .. job_id) == 1 then
  job_id = ARGV[4]
end
local order = next_order()
redis.call('HSET', STATE .. job_id, 'v', SCHEMA_VERSION, 'job_id', job_id, 'source_uri', ARGV[6], 'content_type', ARGV[7],
  'checksum', ARGV[8], 'tag', ARGV[9], 'created_at', ARGV[10], 'op', ARGV[11], 'version', 0, 'size', 0,
  'document_id', ARGV[5], 'order', order, 'attempt', 1, 'fence', 0, 'queued_at', at, 'rejected_entry', entry)
redis.call('ZADD', INDEX_ALL, order, job_id)
redis.call('ZADD', INDEX_TAG .. ARGV[9], order, job_id)
stop(job_id, '', 'failed', at, code, message)
if ARGV[14] ~= '' then
  local kept = QUARANTINE .. ARGV[14]
  redis.call('HSET', kept, 'v', SCHEMA_VERSION, 'id', ARGV[14], 'door', 'stream', 'name', JOBS .. ' ' .. entry, 'code', code,
    'reason', message, 'at', at, 'job_id', job_id)
  for i = 1, #found[1][2], 2 do
    redis.call('HSET', kept, FIELD .. found[1][2][i], found[1][2][i + 1])
  end
  redis.call('ZADD', INDEX_QUARANTINE, whole(clock()), ARGV[14])
end
return job_id
