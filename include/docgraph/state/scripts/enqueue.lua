-- KEYS: state of the job.
-- ARGV: at, committed version, entry of a foreign producer or '', job_id, document_id, source_uri, content_type,
--       checksum, tag, created_at, op, size, 1 where it asks again for what was asked for last.
-- Returns job id, version, 1 where an equal queued job answers for this one, superseded job id or '';
-- 'taken' where the job id stands for another request; 'unreadable' and a key that is no hash; or 'other' where it asks again, and something else was asked for since.
local at, committed, entry = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local job_id, document_id, source_uri, content_type = ARGV[4], ARGV[5], ARGV[6], ARGV[7]
local checksum, tag, created_at, op, size, again = ARGV[8], ARGV[9], ARGV[10], ARGV[11], ARGV[12], ARGV[13]

if entry ~= '' and #redis.call('XRANGE', JOBS, entry, entry) == 0 then
  entry = ''
end

local function drop_foreign_entry(kept)
  if entry ~= '' and entry ~= kept then
    redis.pcall('XACK', JOBS, CONSUMER_GROUP, entry)
    redis.call('XDEL', JOBS, entry)
  end
end

if redis.call('EXISTS', KEYS[1]) == 1 then
  local known_document, known_checksum, known_op, version, superseded, own_entry =
    fields(KEYS[1], 'document_id', 'checksum', 'op', 'version', 'supersedes', 'entry')
  if known_document ~= document_id or known_checksum ~= checksum or known_op ~= op then
    return {'taken'}
  end
  drop_foreign_entry(own_entry)
  return {job_id, version, 0, superseded}
end

if is_other_type(DOCUMENT .. document_id) then
  return {'unreadable', DOCUMENT .. document_id}
end

if again == '1' and redis.call('EXISTS', DOCUMENT .. document_id) == 1 then
  local last_checksum, last_op = fields(DOCUMENT .. document_id, 'checksum', 'op')
  if last_checksum ~= checksum or last_op ~= op then
    return {'other'}
  end
end

local queued = queued_job(document_id)
if queued ~= '' then
  local queued_checksum, queued_op, version = fields(STATE .. queued, 'checksum', 'op', 'version')
  if queued_checksum == checksum and queued_op == op then
    drop_foreign_entry('')
    return {queued, version, 1, ''}
  end
  supersede(queued, job_id, at)
end

local order = next_order()
redis.call('HSET', KEYS[1], 'v', SCHEMA_VERSION, 'job_id', job_id, 'source_uri', source_uri, 'content_type', content_type,
  'checksum', checksum, 'tag', tag, 'created_at', created_at, 'op', op, 'size', size, 'document_id', document_id,
  'order', order, 'attempt', 1, 'fence', 0, 'queued_at', at, 'supersedes', queued)
local version = take_version(job_id, document_id, committed)
redis.call('ZADD', INDEX_ALL, order, job_id)
redis.call('ZADD', INDEX_TAG .. tag, order, job_id)
enter_queue(job_id, entry)
change_status(job_id, '', 'queued', at, '')
return {job_id, version, 0, queued}
