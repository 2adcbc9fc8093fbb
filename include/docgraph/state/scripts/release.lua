-- KEYS: what was set aside.   ARGV: its id, 'retry' or 'drop'.
-- Returns 1 where it was there, else 0. A retry adds the entry to the stream again, byte by byte as it came, and forgets the
-- failed job that stood for it, whose id the entry may wish again.
local id, way = ARGV[1], ARGV[2]
local kept = redis.call('HGETALL', KEYS[1])
if #kept == 0 then
  redis.call('ZREM', INDEX_QUARANTINE, id)
  return 0
end
if way == 'retry' then
  local entry_fields, job_id = {}, ''
  for i = 1, #kept, 2 do
    if string.sub(kept[i], 1, #FIELD) == FIELD then
      entry_fields[#entry_fields + 1] = string.sub(kept[i], #FIELD + 1)
      entry_fields[#entry_fields + 1] = kept[i + 1]
    elseif kept[i] == 'job_id' then
      job_id = kept[i + 1]
    end
  end
  redis.call('XADD', JOBS, '*', unpack(entry_fields))
  if fields(STATE .. job_id, 'status') == 'failed' then
    remove_job(job_id)
  end
end
redis.call('DEL', KEYS[1])
redis.call('ZREM', INDEX_QUARANTINE, id)
return 1
