-- position, batches of the draft; answers whether the draft is the stream now
local live = look()
local fits = live and live.ended and live.position == ARGV[1]
  and redis.call('XLEN', stream) == live.batches
  and redis.call('XLEN', draft) == tonumber(ARGV[2])
if not fits then
  redis.call('DEL', draft)
  return 0
end
local ttl = redis.call('PTTL', stream)
redis.call('HSET', task, 'batches', ARGV[2])
redis.call('RENAME', draft, stream)
if ttl > 0 then
  redis.call('PEXPIRE', stream, ttl)
end
return 1
