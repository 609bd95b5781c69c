local task, stream, draft = KEYS[1], KEYS[2], KEYS[3]
local DONE, FENCED, LOST = 1, 2, 3

-- What the hash says; nil without one.
local function look()
  local found = redis.call('HMGET', task, 'status', 'attempt', 'position', 'batches')
  if not (found[1] and found[2] and found[3] and found[4]) then
    return nil
  end
  return {
    ended = found[1] == 'ended',
    attempt = tonumber(found[2]),
    position = found[3],
    batches = tonumber(found[4]),
  }
end

-- Shows the batches from this argument on. Last in a script, and protected: without channel
-- rights it fails, and the writes stand.
local function show(first)
  for at = first, #ARGV, 2 do
    local shown = redis.pcall('SPUBLISH', stream, ARGV[at])
    if type(shown) == 'table' and shown.err then
      return 0
    end
  end
  return 1
end
