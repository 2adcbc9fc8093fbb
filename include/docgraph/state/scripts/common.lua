-- What the scripts of a job's life share. The names in capitals come from keys.py.
-- Every script is one transition: it runs whole or not at all, and repeated by a client that lost the answer
-- it finds what it did before and gives the same answer.

local LIVE = {running = true, paused = true}
local FINAL = {completed = true, failed = true, cancelled = true}
local STREAM_FIELDS = {'job_id', 'source_uri', 'content_type', 'checksum', 'tag', 'created_at', 'op'}

-- tostring() would write a microsecond as 1.8e+15.
local function whole(number)
  return string.format('%.0f', number)
end

local function clock()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000000 + tonumber(time[2])
end

-- The place of a new job among all jobs: the present microsecond, and above every job before it even where the clock was put back.
local function next_order()
  local last = redis.call('ZRANGE', INDEX_ALL, 0, 0, 'REV', 'WITHSCORES')
  return whole(math.max(clock(), (tonumber(last[2]) or 0) + 1))
end

-- Values of the named fields, '' where there is none. A key of another type has none: one key that another program has
-- written over must not stop a script that is there for many.
local function fields(key, ...)
  local values = redis.pcall('HMGET', key, ...)
  if values.err then
    values = {}
    for i = 1, select('#', ...) do
      values[i] = ''
    end
  end
  for i = 1, #values do
    values[i] = values[i] or ''
  end
  return unpack(values)
end

local function is_other_type(key)
  local kind = redis.call('TYPE', key).ok
  return kind ~= 'hash' and kind ~= 'none'
end

local function append_event(job_id, at, stage, status, done, total, unit, message)
  local seq = redis.call('HINCRBY', STATE .. job_id, 'seq', 1)
  redis.call('HSET', STATE .. job_id, 'updated_at', at)
  redis.call('XADD', EVENTS .. job_id, 'MAXLEN', '~', EVENTS_KEPT, '*', 'seq', seq, 'at', at, 'stage', stage,
    'status', status, 'done', done, 'total', total, 'unit', unit, 'message', message)
  return seq
end

-- Sets the status, moves the job between the indexes and says so on its stream.
local function change_status(job_id, before, after, at, message)
  local tag, order, stage = fields(STATE .. job_id, 'tag', 'order', 'stage')
  order = tonumber(order) and order or next_order()
  redis.call('HSET', STATE .. job_id, 'status', after, 'updated_at', at)
  if before ~= '' then
    redis.call('ZREM', INDEX_STATUS .. before, job_id)
    redis.call('ZREM', INDEX_TAG_STATUS .. tag .. ':' .. before, job_id)
  end
  redis.call('ZADD', INDEX_STATUS .. after, order, job_id)
  redis.call('ZADD', INDEX_TAG_STATUS .. tag .. ':' .. after, order, job_id)
  append_event(job_id, at, stage, after, 0, 0, '', message)
  if FINAL[after] then
    redis.call('ZADD', INDEX_FINISHED, whole(clock()), job_id)
    redis.call('EXPIRE', EVENTS .. job_id, EVENTS_TTL)
  elseif FINAL[before] then
    redis.call('ZREM', INDEX_FINISHED, job_id)
    redis.call('PERSIST', EVENTS .. job_id)
  end
end

-- Takes a queued job out of the stream and frees its document's place in the queue.
local function leave_queue(job_id)
  local document_id, entry = fields(STATE .. job_id, 'document_id', 'entry')
  if entry ~= '' then
    -- Fails where the stream or the group was removed by hand; nothing depends on it then.
    redis.pcall('XACK', JOBS, CONSUMER_GROUP, entry)
    redis.pcall('XDEL', JOBS, entry)
    redis.call('HSET', STATE .. job_id, 'entry', '')
  end
  if fields(DOCUMENT .. document_id, 'queued') == job_id then
    redis.call('HDEL', DOCUMENT .. document_id, 'queued')
  end
end

local function enter_queue(job_id, entry)
  -- Answers BUSYGROUP every time but the first.
  redis.pcall('XGROUP', 'CREATE', JOBS, CONSUMER_GROUP, '0', 'MKSTREAM')
  if entry == '' then
    local values = redis.call('HMGET', STATE .. job_id, unpack(STREAM_FIELDS))
    local entry_fields = {}
    for i, name in ipairs(STREAM_FIELDS) do
      entry_fields[#entry_fields + 1] = name
      entry_fields[#entry_fields + 1] = values[i] or ''
    end
    entry = redis.call('XADD', JOBS, '*', unpack(entry_fields))
  end
  redis.call('HSET', STATE .. job_id, 'entry', entry)
  redis.call('HSET', DOCUMENT .. redis.call('HGET', STATE .. job_id, 'document_id'), 'queued', job_id)
end

local function leave_run(job_id)
  local run_id = fields(STATE .. job_id, 'run_id')
  if run_id ~= '' then
    redis.call('SREM', RUN .. run_id, job_id)
    redis.call('HSET', STATE .. job_id, 'run_id', '')
  end
end

local function remove_job(job_id)
  local tag, status = fields(STATE .. job_id, 'tag', 'status')
  leave_run(job_id)
  redis.call('DEL', STATE .. job_id, CHECKPOINT .. job_id, EVENTS .. job_id)
  redis.call('ZREM', INDEX_ALL, job_id)
  redis.call('ZREM', INDEX_TAG .. tag, job_id)
  redis.call('ZREM', INDEX_STATUS .. status, job_id)
  redis.call('ZREM', INDEX_TAG_STATUS .. tag .. ':' .. status, job_id)
  redis.call('ZREM', INDEX_FINISHED, job_id)
end

-- Ends a job without success.
local function stop(job_id, before, after, at, code, message)
  if before == 'queued' then
    leave_queue(job_id)
  end
  redis.call('HSET', STATE .. job_id, 'finished_at', at, 'error_code', code, 'error', message)
  change_status(job_id, before, after, at, message)
end

local function supersede(job_id, by, at)
  stop(job_id, redis.call('HGET', STATE .. job_id, 'status'), 'cancelled', at, 'superseded', 'superseded by job ' .. by)
end

-- Gives the job the document's next version: above all that Redis and the graph (`committed`) know, and no earlier than now.
-- `since` is the version at which the present streak of equal requests for the document began.
local function take_version(job_id, document_id, committed)
  local known, last_checksum, last_op, since = fields(DOCUMENT .. document_id, 'version', 'checksum', 'op', 'since')
  local version = whole(math.max((tonumber(known) or 0) + 1, committed + 1, clock()))
  local tag, source_uri, checksum, op = fields(STATE .. job_id, 'tag', 'source_uri', 'checksum', 'op')
  if known == '' or last_checksum ~= checksum or last_op ~= op then
    since = version
  end
  redis.call('HSET', STATE .. job_id, 'version', version, 'since', since)
  redis.call('HSET', DOCUMENT .. document_id, 'v', SCHEMA_VERSION, 'tag', tag, 'source_uri', source_uri,
    'version', version, 'since', since, 'checksum', checksum, 'op', op, 'job_id', job_id)
  return version
end

-- What can't be read, or was written by a newer docgraph, is given to no run and answers for no request.
local function is_readable(job_id)
  local v, version, document_id, source_uri = fields(STATE .. job_id, 'v', 'version', 'document_id', 'source_uri')
  return (tonumber(v) or 0) <= SCHEMA_VERSION and tonumber(version) and document_id ~= '' and source_uri ~= ''
end

-- The document's queued job, '' without one.
local function queued_job(document_id)
  local job_id = fields(DOCUMENT .. document_id, 'queued')
  if job_id ~= '' and fields(STATE .. job_id, 'status') == 'queued' and is_readable(job_id) then
    return job_id
  end
  return ''
end

-- The first look at a job for all who act in the name of a run.
local function is_live_under(job_id, run_id)
  local status, holder = fields(STATE .. job_id, 'status', 'run_id')
  return LIVE[status] and holder == run_id, status
end
