import { type Script, script } from './script.ts'

/** Takes jobs for a worker: also after a settling, in the same breath. */
const reserveLua = String.raw`
local lines = { 'loop', 'thread', 'blocking', 'process', 'suspect' }

local function promote()
  local left = asked.mostAtOnce
  for _, queue in ipairs(queues()) do
    local ids = redis.call('ZRANGEBYSCORE', at(queue, 'due'), '-inf', number(now), 'LIMIT', 0, left)
    loadAll(queue, ids)
    for _, id in ipairs(ids) do change(load(queue, id), { event = 'due' }) end
    left = left - #ids
  end
end

local function nextDue()
  local first
  for _, queue in ipairs(queues()) do
    local due = redis.call('ZRANGE', at(queue, 'due'), 0, 0, 'WITHSCORES')[2]
    if due and (not first or tonumber(due) < first) then first = tonumber(due) end
  end
  return first and number(math.max(0, first - now)) or false
end

-- The first of several queues, as one line, with what is kept of each.
local function front(own, line, most)
  local all = {}
  for _, queue in ipairs(own) do
    local some = redis.call('ZRANGE', at(queue, 'line:' .. line), 0, most - 1, 'WITHSCORES')
    for index = 1, #some, 2 do all[#all + 1] = { queue = queue, id = some[index], rank = tonumber(some[index + 1]) } end
  end
  if #own > 1 then table.sort(all, function(a, b) if a.rank ~= b.rank then return a.rank < b.rank end return a.id < b.id end) end
  for index = #all, most + 1, -1 do all[index] = nil end
  local byQueue = {}
  for _, one in ipairs(all) do
    local of = byQueue[one.queue] or { ids = {}, ones = {} }
    byQueue[one.queue] = of
    of.ids[#of.ids + 1] = one.id
    of.ones[#of.ones + 1] = one
  end
  for queue, of in pairs(byQueue) do
    local unusual = {}
    for first = 1, #of.ids, atOnce do
      local last = math.min(first + atOnce - 1, #of.ids)
      local fixed = redis.call('HMGET', at(queue, 'jobs'), unpack(of.ids, first, last))
      local moved = redis.call('HMGET', at(queue, 'moved'), unpack(of.ids, first, last))
      for index = 1, #fixed do
        local one = of.ones[first + index - 1]
        if moved[index] or known[one.id] then unusual[#unusual + 1] = one.id else one.born = cmsgpack.unpack(fixed[index]) end
      end
    end
    loadAll(queue, unusual)
  end
  return all
end

-- What change does for a job to which nothing has happened yet, and which cannot expire: most are so.
local function takeFirst(one, line, worker, deliveries)
  local queue, id = one.queue, one.id
  local task, place, payload = one.born[1], one.born[2], one.born[8]
  note(indexes, at(queue, 'line:' .. line), id, false)
  note(fields, P .. ':held:' .. worker, id, queue)
  note(fields, at(queue, 'moved'), id, cmsgpack.pack({ 'active', 1, 1, now, worker }))
  count(queue, 'ready', -1)
  count(queue, 'active', 1)
  deliveries[#deliveries + 1] = { id, 1, task, place, 1, false, 0, 0, payload, queue }
end

local function reserve(request)
  redis.call('ZADD', P .. ':workers', number(now + request.lease), request.worker)
  writeSets()
  promote()
  local deliveries, buried, complete = {}, 0, true
  for _, line in ipairs(lines) do
    local left = request.room[line] or 0
    while left > 0 and complete do
      writeSets()
      local some = front(request.queues, line, left)
      for index = 1, math.min(left, #some) do
        local one = some[index]
        local job = not (one.born and not one.born[6]) and load(one.queue, one.id)
        if not job then
          takeFirst(one, line, request.worker, deliveries)
          left = left - 1
        elseif hasExpired(job) then
          change(job, { event = 'bury', error = bytes(asked.expired) })
          buried = buried + 1
        else
          change(job, { event = 'reserve', worker = request.worker })
          left = left - 1
          deliveries[#deliveries + 1] = {
            job.id, job.token, job.task, job.place, job.attempt, job.suspect and '1' or false, job.deaths, job.deferrals, job.payload, job.queue
          }
        end
      end
      if #some == 0 then break end
      if buried >= asked.mostAtOnce then complete = false end
    end
  end
  writeSets()
  local cancelling = {}
  for id, queue in pairs(hash(P .. ':cancelling:' .. request.worker)) do
    cancelling[#cancelling + 1] = { id, load(queue, id).token }
  end
  if not complete then return { deliveries, cancelling, '0' } end
  return { deliveries, cancelling, nextDue() }
end
`

/** A hash as a table. */
const hashLua = String.raw`
local function hash(key)
  local flat, table = redis.call('HGETALL', key), {}
  for index = 1, #flat, 2 do table[flat[index]] = flat[index + 1] end
  return table
end
`

const forgetLua = String.raw`
local function forget(worker)
  redis.call('ZREM', P .. ':workers', worker)
  redis.call('SREM', P .. ':announced', worker)
  redis.call('DEL', P .. ':held:' .. worker, P .. ':cancelling:' .. worker)
end
`

export const publish: Script = script(String.raw`
local served, there, ids = {}, {}, {}
for index, job in ipairs(asked.jobs) do ids[index] = job.id end
for _, queue in ipairs(queues()) do
  served[queue] = true
  for first = 1, #ids, atOnce do
    for index, found in ipairs(redis.call('HMGET', at(queue, 'jobs'), unpack(ids, first, math.min(first + atOnce - 1, #ids)))) do
      if found then there[ids[first + index - 1]] = true end
    end
  end
end
for _, job in ipairs(asked.jobs) do
  if not there[job.id] then
    there[job.id] = true
    if not served[job.queue] then
      served[job.queue] = true
      redis.call('SADD', P .. ':queues', job.queue)
    end
    local fixed = { job.task, job.place, job.priority, now, now + job.delay, job.expires and now + job.expires or false, job.tags, bytes(job.payload) }
    fresh[job.id] = { queue = job.queue, fixed = fixed }
    local made = born(job.id, job.queue, unpack(fixed))
    made.state = job.delay > 0 and 'scheduled' or 'ready'
    place(made, true)
  end
  news[job.queue] = true
end
finish()
`)

export const reserve: Script = script(hashLua + reserveLua + String.raw`
local reservation = reserve(asked.request)
finish()
return reservation
`, { full: true })

/** What `change` does for the first success of a job that never went another way: most are so. */
const succeedLua = String.raw`
local function succeedFirst(settlements)
  local byQueue, done, named = {}, {}, {}
  for index, one in ipairs(settlements) do
    local isFirst = not named[one.job]
    named[one.job] = true
    if isFirst and one.event == 'succeed' and one.queue then
      local of = byQueue[one.queue] or { ids = {}, places = {} }
      byQueue[one.queue] = of
      of.ids[#of.ids + 1] = one.job
      of.places[#of.places + 1] = index
    end
  end
  for queue, of in pairs(byQueue) do
    local key = at(queue, 'moved')
    for first = 1, #of.ids, atOnce do
      for index, moved in ipairs(redis.call('HMGET', key, unpack(of.ids, first, math.min(first + atOnce - 1, #of.ids)))) do
        local place = of.places[first + index - 1]
        local one = settlements[place]
        local values = moved and cmsgpack.unpack(moved)
        if values and #values == 5 and values[1] == 'active' and values[3] == one.token then
          note(fields, key, one.job, cmsgpack.pack({ 'succeeded', values[2], one.token, values[4], false, now, bytes(one.result), one.wall, one.cpu }))
          note(fields, P .. ':held:' .. values[5], one.job, false)
          count(queue, 'active', -1)
          count(queue, 'succeeded', 1)
          ended[#ended + 1] = one.job
          done[place] = true
        end
      end
    end
  end
  writeSets()
  return done
end
`

export const settle: Script = script(hashLua + reserveLua + succeedLua + String.raw`
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
    change(job, { event = one.event, delay = one.delay, died = one.died, wall = one.wall, cpu = one.cpu, result = bytes(one.result), error = bytes(one.error) })
  else
    stale[#stale + 1] = index - 1
  end
end
local reservation = asked.request and reserve(asked.request) or false
finish()
return { stale, reservation }
`, { full: true })

export const extend: Script = script(String.raw`
redis.call('ZADD', P .. ':workers', number(now + asked.lease), asked.worker)
local lost = {}
for index, one in ipairs(asked.held) do
  local queue = redis.call('HGET', P .. ':held:' .. asked.worker, one.job)
  local job = queue and load(queue, one.job)
  if not job or job.token ~= one.token then lost[#lost + 1] = index - 1 end
end
return lost
`, { full: true })

export const sweep: Script = script(hashLua + forgetLua + String.raw`
local rescued, buried = {}, {}
local lost = asked.stalled and {} or redis.call('ZRANGEBYSCORE', P .. ':workers', '-inf', number(now))
for _, worker in ipairs(lost) do
  local announced = redis.call('SISMEMBER', P .. ':announced', worker) == 1
  for id, queue in pairs(hash(P .. ':held:' .. worker)) do
    local job = load(queue, id)
    change(job, { event = 'rescue', announced = announced }, function()
      if not final[job.state] and job.rescues >= asked.rescueLimit then happen(job, { event = 'bury', error = bytes(asked.lost) }) end
    end)
    if job.state == 'ready' then rescued[#rescued + 1] = { id, job.token }
    elseif job.state == 'dead' then buried[#buried + 1] = id end
  end
  writeSets()
  forget(worker)
end
writeSets()
local left = asked.mostAtOnce
for _, queue in ipairs(queues()) do
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', at(queue, 'expiring'), '-inf', number(now), 'LIMIT', 0, left)) do
    change(load(queue, id), { event = 'bury', error = bytes(asked.expired) })
    buried[#buried + 1] = id
    left = left - 1
  end
end
finish()
return { rescued, buried }
`, { full: true })

export const leave: Script = script(hashLua + forgetLua + String.raw`
for id, queue in pairs(hash(P .. ':held:' .. asked.worker)) do change(load(queue, id), { event = 'release' }) end
writeSets()
forget(asked.worker)
finish()
`, { full: true })

export const announce: Script = script(String.raw`
if redis.call('ZSCORE', P .. ':workers', asked.worker) then redis.call('SADD', P .. ':announced', asked.worker) end
`, { full: true })

export const report: Script = script(String.raw`
for _, one in ipairs(asked.reports) do
  local job = find(one.job, one.queue)
  if job and job.state == 'active' and job.token == one.token then
    if one.progress then redis.call('HSET', at(job.queue, 'progress'), job.id, one.progress) end
    local key = at(job.queue, 'logs:' .. job.id)
    for _, line in ipairs(one.logs) do redis.call('RPUSH', key, line) end
    if #one.logs > 0 then redis.call('LTRIM', key, -asked.logLimit, -1) end
  end
end
`)

export const stats: Script = script(String.raw`
local all, oldest = {}, now
for _, queue in ipairs(queues()) do
  all[#all + 1] = { queue, redis.call('HGETALL', at(queue, 'counts')) }
  for _, line in ipairs({ 'loop', 'thread', 'blocking', 'process', 'suspect' }) do
    for _, id in ipairs(redis.call('ZRANGE', at(queue, 'line:' .. line), 0, asked.looksAt - 1)) do oldest = math.min(oldest, load(queue, id).dueAt) end
  end
end
local workers, found = {}, redis.call('ZRANGEBYSCORE', P .. ':workers', '(' .. number(now), '+inf', 'WITHSCORES')
for index = 1, #found, 2 do
  workers[#workers + 1] = { found[index], number(tonumber(found[index + 1]) - now), redis.call('HLEN', P .. ':held:' .. found[index]) }
end
return { all, workers, number(now - oldest) }
`)
