-- KEYS: state of the job.
-- ARGV: at, job_id, stage, status, done, total, unit, message, token of the call.
-- Returns the event's number in the job; 0 where there is no such job.
local job_id, token = ARGV[2], ARGV[9]
local status, last_token, seq = fields(KEYS[1], 'status', 'event_token', 'seq')
if status == '' then
  return 0
end
if last_token == token then
  return tonumber(seq)
end
redis.call('HSET', KEYS[1], 'event_token', token)
seq = append_event(job_id, ARGV[1], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8])
if FINAL[status] and redis.call('TTL', EVENTS .. job_id) < 0 then
  -- The stream had expired and this late event made it again.
  redis.call('EXPIRE', EVENTS .. job_id, EVENTS_TTL)
end
return seq
