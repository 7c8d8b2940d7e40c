-- Takes from each of these buckets, or from none of them. KEYS are the buckets; ARGV has four numbers for
-- each: units wanted, units of a full bucket, units that leak in a microsecond, and after how many
-- milliseconds a bucket is forgotten of which nothing leaks. Gives two numbers for each:
-- 1 or 0 for whether it has room, and the units that it holds afterwards.
-- INVARIANT: every number that decides stays a whole number under 2^53; where a product exceeds that,
-- it exceeds every level too, so that the comparison is right all the same.
local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000000 + tonumber(clock[2])
local buckets, all_fit = {}, true
for place, key in ipairs(KEYS) do
  local bucket = {
    wanted = tonumber(ARGV[place * 4 - 3]),
    full = tonumber(ARGV[place * 4 - 2]),
    leak = tonumber(ARGV[place * 4 - 1]),
    kept = tonumber(ARGV[place * 4]),
    units = 0,
    at = now,
  }
  local stored = redis.call('GET', key)
  if stored then
    local kept_units, kept_at = string.match(stored, '^(%d+) (%d+)$')
    if kept_units then
      bucket.units, bucket.at = tonumber(kept_units), tonumber(kept_at)
    end
  end
  if now > bucket.at then
    local gone = (now - bucket.at) * bucket.leak
    if gone >= bucket.units then bucket.units = 0 else bucket.units = bucket.units - gone end
    bucket.at = now
  end
  bucket.fits = bucket.units + bucket.wanted <= bucket.full
  all_fit = all_fit and bucket.fits
  buckets[place] = bucket
end
local told = {}
for place, key in ipairs(KEYS) do
  local bucket = buckets[place]
  if all_fit then
    bucket.units = bucket.units + bucket.wanted
    if bucket.wanted > 0 then
      local empty_in = bucket.kept
      if bucket.leak > 0 then
        empty_in = math.ceil(bucket.units / bucket.leak / 1000) + 1000 + (bucket.at - now) / 1000
      end
      local kept = string.format('%.0f %.0f', bucket.units, bucket.at)
      redis.call('SET', key, kept, 'PX', string.format('%.0f', empty_in))
    end
  end
  told[place * 2 - 1] = bucket.fits and 1 or 0
  told[place * 2] = bucket.units
end
return told
