-- KEYS: none that are known beforehand.   ARGV: path, job ids.   Jobs that are gone are left out.
for i = 2, #ARGV do
  if redis.call('TYPE', STATE .. ARGV[i]).ok == 'hash' then
    redis.call('HSET', STATE .. ARGV[i], 'report', ARGV[1])
  end
end
