-- attempt, ms to live, then id and entry by turns; answers whether it was shown
local attempt, ttl, first = tonumber(ARGV[1]), ARGV[2], 3
local live = look()
if live and live.ended then
  redis.call('PEXPIRE', task, ttl, 'LT')
  redis.call('PEXPIRE', stream, ttl, 'LT')
  return 1
end

local function parts(id)
  local before, behind = string.match(id, '^(%d+)-(%d+)$')
  return tonumber(before), tonumber(behind)
end

local function is_after(id, other)
  local a, b = parts(id)
  local c, d = parts(other)
  return a > c or (a == c and b > d)
end

local position = live and live.position or '0-0'
local held = live and math.max(live.attempt, attempt) or attempt
redis.call('HSET', task, 'status', 'ended', 'attempt', held, 'position', position, 'batches', 0)
if not live then
  redis.call('DEL', stream)
end
local added = {}
for at = first, #ARGV, 2 do
  if is_after(ARGV[at], position) then
    -- Where a tail was lost an id may be taken; the hash alone fences.
    redis.pcall('XADD', stream, ARGV[at], 'b', ARGV[at + 1])
    position = ARGV[at]
    added[#added + 1] = ARGV[at + 1]
  end
end
redis.call('HSET', task, 'position', position, 'batches', redis.call('XLEN', stream))
redis.call('PEXPIRE', task, ttl)
redis.call('PEXPIRE', stream, ttl)
for _, entry in ipairs(added) do
  local shown = redis.pcall('SPUBLISH', stream, entry)
  if type(shown) == 'table' and shown.err then
    return 0
  end
end
return 1
