-- KEYS: state of the job.
-- ARGV: at, job_id, run_id ('' for a resume, which leaves a final status; else a requeue, which takes a live job
--       from that run), reason, token of the call.
-- Returns 'queued', 'missing', 'refused' and the status, 'unusable' where the request never named a document,
-- or 'superseded' and the newer queued job of the document.
local at, job_id, run_id, reason, token = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local status, last_token, before, document_id, version, attempt =
  fields(KEYS[1], 'status', 'token', 'before', 'document_id', 'version', 'attempt')
if status == '' then
  return {'missing'}
end
if last_token == token then
  return {'queued', before}
end
if run_id == '' then
  if status ~= 'failed' and status ~= 'cancelled' then
    return {'refused', status}
  end
elseif not is_live_under(job_id, run_id) then
  return {'refused', status}
end

if document_id == '' then
  return {'unusable'}
end

if is_other_type(DOCUMENT .. document_id) then
  return {'unreadable', DOCUMENT .. document_id}
end

local other = queued_job(document_id)
if other ~= '' then
  if tonumber((fields(STATE .. other, 'version'))) > tonumber(version) then
    if run_id ~= '' then
      redis.call('HSET', KEYS[1], 'token', token, 'before', status)
      supersede(job_id, other, at)
    end
    return {'superseded', other}
  end
  supersede(other, job_id, at)
end
leave_run(job_id)
redis.call('HSET', KEYS[1], 'token', token, 'before', status, 'attempt', tonumber(attempt) + 1, 'stage', '', 'outcome', '',
  'error', '', 'error_code', '', 'report', '', 'queued_at', at, 'started_at', '', 'finished_at', '')
if version == '0' then
  -- It was rejected before it had one.
  take_version(job_id, document_id, 0)
end
enter_queue(job_id, '')
change_status(job_id, status, 'queued', at, reason)
return {'queued', status}
