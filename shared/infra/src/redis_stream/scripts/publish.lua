-- a passing event; answers nothing, or why it cannot be shown
local shown = redis.pcall('SPUBLISH', stream, ARGV[1])
return type(shown) == 'table' and shown.err or ''
