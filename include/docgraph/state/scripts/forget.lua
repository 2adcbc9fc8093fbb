-- KEYS: state of a job that can't be read.   ARGV: job id, statuses in which indexes may have it.
-- Removes the key and what points to it. Its entry in the stream, if any, is taken in anew.
local tag = fields(KEYS[1], 'tag')
remove_job(ARGV[1])
for i = 2, #ARGV do
  redis.call('ZREM', INDEX_STATUS .. ARGV[i], ARGV[1])
  redis.call('ZREM', INDEX_TAG_STATUS .. tag .. ':' .. ARGV[i], ARGV[1])
end
return 1
