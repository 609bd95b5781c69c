-- attempt, from, to, 1 for the last, ms to live, then id and batch by turns;
-- answers code, whether it was shown, batches in the stream
local attempt, from, to = tonumber(ARGV[1]), ARGV[2], ARGV[3]
local last, ttl, first = ARGV[4] == '1', ARGV[5], 6
local live = look()
if not live then
  return { LOST, 1, 0 }
end
local repeated = #ARGV >= first and live.attempt == attempt and live.position == to
if not repeated then
  if live.ended or attempt < live.attempt then
    return { FENCED, 1, 0 }
  end
  if attempt > live.attempt or live.position ~= from then
    return { LOST, 1, 0 }
  end
end
if redis.call('XLEN', stream) ~= live.batches then
  return { LOST, 1, 0 }
end
if repeated and (live.ended or not last) then
  return { DONE, 1, live.batches }
end

local batches = live.batches
if not repeated then
  for at = first, #ARGV, 2 do
    redis.call('XADD', stream, ARGV[at], 'b', ARGV[at + 1])
    batches = batches + 1
  end
end
local status = last and 'ended' or 'running'
redis.call('HSET', task, 'status', status, 'position', to, 'batches', batches)
if last then
  redis.call('PEXPIRE', task, ttl)
end
-- A stream that is written from its beginning is a new key.
if last or from == '0-0' then
  redis.call('PEXPIRE', stream, ttl)
end
if repeated then
  return { DONE, 1, batches }
end
return { DONE, show(first + 1), batches }
