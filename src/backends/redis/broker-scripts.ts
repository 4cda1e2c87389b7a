import { type Script, script } from './script.ts'
import { forgetLua, hashLua, reserveLua, succeedLua } from './worker-lua.ts'

/** Publishes what `asked.jobs` names. */
export const publishAllLua: string = String.raw`
local byQueue, there, taken = {}, {}, {}
for _, job in ipairs(asked.jobs) do
  local of = byQueue[job.queue] or {}
  byQueue[job.queue] = of
  of[#of + 1] = job.id
end
for queue, ids in pairs(byQueue) do
  for first = 1, #ids, atOnce do
    for index, found in ipairs(redis.call('HMGET', at(queue, 'jobs'), unpack(ids, first, math.min(first + atOnce - 1, #ids)))) do
      if found then there[ids[first + index - 1]] = true end
    end
  end
end
for index, job in ipairs(asked.jobs) do
  if not there[job.id] then
    local how, holder = publishOne(unpacked(job))
    if how then taken[#taken + 1] = { index - 1, how, holder } else there[job.id] = true end
  end
end
`

export const publish: Script = script(publishAllLua + 'finish()\nreturn taken', { happens: false })

/** Settles, and reserves where that is asked for. */
export const exchange: Script = script(hashLua + reserveLua + succeedLua + String.raw`
local stale = {}
local done = succeedFirst(asked.settlements)
local others = {}
for index, one in ipairs(asked.settlements) do if not done[index] then others[#others + 1] = one end end
prefetch(others, 'job')
for index, one in ipairs(asked.settlements) do
  local job = not done[index] and find(one.job, one.queue)
  if done[index] then
    -- It has been told.
  elseif job and job.state == 'active' and job.token == one.token then
    change(job, { event = one.event, delay = one.delay, died = one.died, wall = one.wall, cpu = one.cpu, result = bytes(one.result), error = bytes(one.error), why = one.why })
  else
    stale[#stale + 1] = index - 1
  end
end
local reservation = asked.request and reserve(asked.request) or false
finish()
return { stale, reservation }
`, { full: true })

export const extend: Script = script(hashLua + String.raw`
if asked.info then redis.call('HSET', P .. ':infos', asked.worker, asked.info) end
local begins = redis.call('ZADD', P .. ':workers', number(now + asked.lease), asked.worker) == 1
if heard then tellWorker(begins and 'worker-online' or 'worker-heartbeat', asked.worker) end
local key, lost, named, kept = P .. ':held:' .. asked.worker, {}, {}, 0
for index, one in ipairs(asked.held) do
  local queue = redis.call('HGET', key, one.job)
  local job = queue and load(queue, one.job)
  if not job or job.token ~= one.token then lost[#lost + 1] = index - 1
  elseif not named[one.job] then named[one.job], kept = true, kept + 1 end
end
if redis.call('HLEN', key) > kept then
  for id, queue in pairs(hash(key)) do
    local job = not named[id] and load(queue, id)
    if job and job.startedAt + 2 * asked.lease + asked.unanswered <= now then change(job, { event = 'release' }) end
  end
end
finish()
return lost
`, { full: true })

export const sweep: Script = script(hashLua + forgetLua + String.raw`
local rescued, buried = {}, {}
local lost = asked.stalled and {} or redis.call('ZRANGEBYSCORE', P .. ':workers', '-inf', number(now))
for _, worker in ipairs(lost) do
  local announced = redis.call('SISMEMBER', P .. ':announced', worker) == 1
  for id, queue in pairs(hash(P .. ':held:' .. worker)) do
    local job = load(queue, id)
    change(job, { event = 'rescue', announced = announced, why = asked.whyLost }, function()
      if not final[job.state] and job.rescues >= asked.rescueLimit then happen(job, { event = 'bury', error = bytes(asked.lost) }) end
    end)
    if job.state == 'ready' then rescued[#rescued + 1] = { id, job.token }
    elseif job.state == 'dead' then buried[#buried + 1] = id end
  end
  writeSets()
  forget(worker, true)
end
writeSets()
local left = asked.mostAtOnce
for _, queue in ipairs(queues()) do
  local ids = redis.call('ZRANGEBYSCORE', at(queue, 'expiring'), '-inf', number(now), 'LIMIT', 0, left)
  loadAll(queue, ids)
  for _, id in ipairs(ids) do
    change(load(queue, id), { event = 'bury', error = bytes(asked.expired), why = asked.whyExpired })
    buried[#buried + 1] = id
  end
  left = left - #ids
  local orphans = redis.call('ZRANGEBYSCORE', at(queue, 'orphans'), '-inf', number(now), 'LIMIT', 0, asked.mostAtOnce)
  for _, key in ipairs(orphans) do
    note(fields, at(queue, 'unique'), key, false)
    note(indexes, at(queue, 'orphans'), key, false)
  end
end
writeSets()
-- Also of queues that never had a job.
for _, queue in ipairs(redis.call('HKEYS', P .. ':gated')) do if isGated(queue) then gates().trim(queue) end end
finish()
return { rescued, buried }
`, { full: true })

export const leave: Script = script(hashLua + forgetLua + String.raw`
for id, queue in pairs(hash(P .. ':held:' .. asked.worker)) do change(load(queue, id), { event = 'release' }) end
writeSets()
forget(asked.worker, false)
finish()
`, { full: true })

export const announce: Script = script(String.raw`
if redis.call('ZSCORE', P .. ':workers', asked.worker) then redis.call('SADD', P .. ':announced', asked.worker) end
redis.call('HDEL', P .. ':idle', asked.worker)
`, { full: true })

export const report: Script = script(String.raw`
for _, one in ipairs(asked.reports) do
  local job = find(one.job, one.queue)
  if job and job.state == 'active' and job.token == one.token then
    if one.progress then
      redis.call('HSET', at(job.queue, 'progress'), job.id, one.progress)
      if heard then tell('progress', job, job.attempt, job.worker, { progress = cjson.decode(one.progress) }) end
    end
    local key = at(job.queue, 'logs:' .. job.id)
    for _, line in ipairs(one.logs) do redis.call('RPUSH', key, line) end
    if #one.logs > 0 then redis.call('LTRIM', key, -asked.logLimit, -1) end
  end
end
if heard then tellAll() end
`)

export const stats: Script = script(String.raw`
local all, oldest = {}, now
for _, queue in ipairs(queues()) do
  all[#all + 1] = { queue, redis.call('HGETALL', at(queue, 'counts')) }
  for _, line in ipairs(lines) do
    local ids = redis.call('ZRANGE', at(queue, 'line:' .. line), 0, asked.looksAt - 1)
    loadAll(queue, ids)
    for _, id in ipairs(ids) do oldest = math.min(oldest, load(queue, id).dueAt) end
  end
end
local workers, found = {}, redis.call('ZRANGEBYSCORE', P .. ':workers', '(' .. number(now), '+inf', 'WITHSCORES')
for index = 1, #found, 2 do
  workers[#workers + 1] = { found[index], number(tonumber(found[index + 1]) - now), redis.call('HLEN', P .. ':held:' .. found[index]), redis.call('HGET', P .. ':infos', found[index]) }
end
return { all, workers, number(now - oldest) }
`)

export const gate: Script = script(String.raw`
for _, one in ipairs(asked.changes) do
  gates().change(one.queue, one.inner, one)
  news[one.queue] = true
end
finish()
`, { full: true })

export const gates: Script = script(String.raw`
local found = {}
for _, queue in ipairs(redis.call('HKEYS', P .. ':gated')) do
  local flat = redis.call('HGETALL', at(queue, 'gates'))
  for index = 1, #flat, 2 do
    local one = cmsgpack.unpack(flat[index + 1])
    local heldUntil = one.heldUntil or 0
    if one.rule or one.paused or heldUntil > now then
      found[#found + 1] = { queue, flat[index], one.rule and cjson.encode(one.rule) or false, one.paused and '1' or false, number(heldUntil > now and heldUntil or 0) }
    end
  end
end
return found
`)
