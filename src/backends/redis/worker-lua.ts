import { takeGatedLua } from './gates-lua.ts'
import { waitLua } from './hand-over-lua.ts'

// What the scripts of workers have in common.

/** A hash as a table. */
export const hashLua: string = String.raw`
local function hash(key)
  local flat, values = redis.call('HGETALL', key), {}
  for index = 1, #flat, 2 do values[flat[index]] = flat[index + 1] end
  return values
end
`

export const forgetLua: string = String.raw`
local function forget(worker, lost)
  if redis.call('ZREM', P .. ':workers', worker) == 1 and heard then tellWorker('worker-offline', worker, { lost = lost }) end
  redis.call('HDEL', P .. ':infos', worker)
  redis.call('HDEL', P .. ':idle', worker)
  redis.call('HDEL', P .. ':handed', worker)
  redis.call('SREM', P .. ':announced', worker)
  redis.call('DEL', P .. ':held:' .. worker, P .. ':cancelling:' .. worker)
end
`

/** Takes jobs for a worker: also after a settling, in the same breath. */
export const reserveLua: string = takeGatedLua + String.raw`
local function promote()
  local left = asked.mostAtOnce
  for _, queue in ipairs(queues()) do
    local ids = redis.call('ZRANGEBYSCORE', at(queue, 'due'), '-inf', number(now), 'LIMIT', 0, left)
    loadAll(queue, ids)
    for _, id in ipairs(ids) do change(load(queue, id), { event = 'due' }) end
    left = left - #ids
  end
end

local function nextDue(first)
  for _, queue in ipairs(queues()) do
    local due = redis.call('ZRANGE', at(queue, 'due'), 0, 0, 'WITHSCORES')[2]
    if due and (not first or tonumber(due) < first) then first = tonumber(due) end
    local opens = isGated(queue) and gates().nextOpening(queue)
    if opens and (not first or opens < first) then first = opens end
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
        if moved[index] or known[one.id] or heard then unusual[#unusual + 1] = one.id else one.born = cmsgpack.unpack(fixed[index]) end
      end
    end
    loadAll(queue, unusual)
  end
  return all
end

-- What change does for a job to which nothing has happened yet, which cannot expire and publishes no other: most are so.
local function takeFirst(one, line, worker, deliveries)
  local queue, id = one.queue, one.id
  local task, place, payload = one.born[1], one.born[2], one.born[8]
  note(indexes, at(queue, 'line:' .. line), id, false)
  note(fields, P .. ':held:' .. worker, id, queue)
  note(fields, at(queue, 'moved'), id, cmsgpack.pack({ 'active', 1, 1, now, worker }))
  count(queue, 'ready', -1)
  count(queue, 'active', 1)
  deliveries[#deliveries + 1] = { id, 1, task, place, 1, false, 0, 0, payload, queue, 1 }
end

local function reserve(request)
  if redis.call('ZADD', P .. ':workers', number(now + request.lease), request.worker) == 1 and heard then tellWorker('worker-online', request.worker) end
  writeSets()
  promote()
  local deliveries, buried, complete, opensLater = {}, 0, true, nil
  local function anyGated()
    for _, queue in ipairs(request.queues) do if isGated(queue) then return true end end
  end
  for _, line in ipairs(lines) do
    local left = request.room[line] or 0
    while left > 0 and complete do
      if anyGated() then
        local opens
        complete, opens = takeGated(request, line, left, deliveries)
        if opens then opensLater = math.min(opensLater or opens, opens) end
        break
      end
      writeSets()
      local some = front(request.queues, line, left)
      for index = 1, math.min(left, #some) do
        local one = some[index]
        local job = not (one.born and not one.born[9]) and load(one.queue, one.id)
        if not job then
          takeFirst(one, line, request.worker, deliveries)
          left = left - 1
        elseif hasExpired(job) then
          change(job, { event = 'bury', error = bytes(asked.expired), why = asked.whyExpired })
          buried = buried + 1
          -- What it published may have changed others.
          if job.links then break end
        else
          deliveries[#deliveries + 1] = taken(job, request.worker)
          left = left - 1
        end
      end
      if #some == 0 then break end
      if buried >= asked.mostAtOnce then complete = false end
    end
  end
  writeSets()
${waitLua}
  local cancelling = {}
  for id, queue in pairs(hash(P .. ':cancelling:' .. request.worker)) do
    cancelling[#cancelling + 1] = { id, load(queue, id).token }
  end
  return { deliveries, cancelling, not complete and '0' or nextDue(opensLater), number(now) }
end
`

/** What `change` does for the first success of a job that never went another way: most are so. */
export const succeedLua: string = String.raw`
local function succeedFirst(settlements)
  if heard then return {} end
  local byQueue, done, named = {}, {}, {}
  for index, one in ipairs(settlements) do
    local isFirst = not named[one.job] and not (one.queue and isGated(one.queue))
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
