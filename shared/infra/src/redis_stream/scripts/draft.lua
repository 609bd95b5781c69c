-- 1 for the first, ms to live, id, batch
if ARGV[1] == '1' then
  redis.call('DEL', draft)
end
redis.call('XADD', draft, ARGV[3], 'b', ARGV[4])
redis.call('PEXPIRE', draft, ARGV[2])
return 1
