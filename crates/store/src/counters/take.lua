-- Takes from one bucket. KEYS[1] is the bucket; ARGV: units wanted, units of a full bucket, units that
-- leak in a microsecond. Gives 1 or 0 and the units that the bucket holds afterwards.
-- INVARIANT: every number that decides stays a whole number under 2^53; where a product exceeds that,
-- it exceeds every level too, so that the comparison is right all the same.
local wanted, full, leak = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000000 + tonumber(clock[2])
local units, at = 0, now
local stored = redis.call('GET', KEYS[1])
if stored then
  local kept_units, kept_at = string.match(stored, '^(%d+) (%d+)$')
  if kept_units then
    units, at = tonumber(kept_units), tonumber(kept_at)
  end
end
if now > at then
  local gone = (now - at) * leak
  if gone >= units then units = 0 else units = units - gone end
  at = now
end
if units + wanted > full then
  return {0, units}
end
units = units + wanted
if wanted > 0 then
  local empty_in = math.ceil(units / leak / 1000) + 1000 + (at - now) / 1000
  redis.call('SET', KEYS[1], string.format('%.0f %.0f', units, at), 'PX', string.format('%.0f', empty_in))
end
return {1, units}
