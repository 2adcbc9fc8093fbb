-- KEYS: lease.   ARGV: 'acquire', 'renew' or 'release', owner, milliseconds.   Returns 1 where the owner had its way.
local action, owner, milliseconds = ARGV[1], ARGV[2], ARGV[3]
local holder = redis.call('GET', KEYS[1])
if action == 'acquire' and not holder then
  redis.call('SET', KEYS[1], owner, 'PX', milliseconds)
  return 1
end
if holder ~= owner then
  if redis.call('PTTL', KEYS[1]) > tonumber(milliseconds) then
    -- The server's clock was put back: a dead holder would keep the lease until that clock has caught up.
    redis.call('PEXPIRE', KEYS[1], milliseconds)
  end
  return 0
end
if action == 'release' then
  redis.call('DEL', KEYS[1])
else
  redis.call('PEXPIRE', KEYS[1], milliseconds)
end
return 1
