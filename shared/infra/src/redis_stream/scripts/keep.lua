-- ms to live
local live = look()
if live and not live.ended then
  redis.call('PEXPIRE', task, ARGV[1])
  redis.call('PEXPIRE', stream, ARGV[1])
end
return 1
