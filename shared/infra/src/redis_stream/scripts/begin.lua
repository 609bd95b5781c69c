-- attempt, ms to live, a name of this call; answers code, position, former attempt or -1
local attempt, ttl, call = tonumber(ARGV[1]), ARGV[2], ARGV[3]
local live = look()
if live and (live.ended or attempt < live.attempt) then
  return { FENCED, '0-0', -1 }
end
if live then
  local before = redis.call('HMGET', task, 'call', 'former')
  if before[1] == call then
    return { DONE, live.position, tonumber(before[2]) }
  end
end

-- What the stream really holds: either key may have lost something.
local length, top = redis.call('XLEN', stream), '0-0'
if length > 0 then
  top = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1)[1][1]
end
local former = -1
if live and (length > 0 or live.position == '0-0') then
  former = live.attempt
else
  length, top = 0, '0-0'
end
redis.call('HSET', task, 'status', 'running', 'attempt', attempt, 'position', top,
  'batches', length, 'call', call, 'former', former)
if length == 0 then
  redis.call('DEL', stream)
else
  -- Entries that were lost are written again under their old ids.
  redis.call('XSETID', stream, top)
  redis.call('PEXPIRE', stream, ttl)
end
redis.call('PEXPIRE', task, ttl)
return { DONE, top, former }
