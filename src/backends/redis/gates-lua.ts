import { lines } from '../../jobs/job.ts'
import { eachKey, share, turns } from '../../jobs/gates.ts'

/**
 * Gates and turns: what jobs/gates.ts decides, once more. All of it is made only where a queue has gates, or keys: most have none.
 *
 * `P:gated` has how far the turns of each such queue have come. Its own keys: `gates` (what each is), `active` (how many jobs of each task and key are), `turns` (up to where jobs
 * have taken each key), `holders` (of each key with ordered jobs, which has begun), `ordered:KEY` (its ordered jobs that are ready), `parked:LINE:GATE` (what waits before a gate), `parkedAt` (job → LINE:GATE), `waiting` (how many wait before each gate),
 * `opening` (gates that may be open, or will be, by when), `fading` (by when gates without a rule of their own
 * hold nothing back).
 */
export const gatesLua: string = String.raw`
local gatedQueues
local function isGated(queue)
  if not gatedQueues then
    gatedQueues = {}
    local flat = redis.call('HGETALL', P .. ':gated')
    for index = 1, #flat, 2 do gatedQueues[flat[index]] = tonumber(flat[index + 1]) end
  end
  return gatedQueues[queue] ~= nil
end

local turns = ${turns}
-- So many gates are looked at before others have their turn.
local gatesAtOnce = 200
local keeper
local function gates()
  if keeper then return keeper end
  keeper = {}
  local read, all = {}, {}

  local function get(queue, name, member)
    local key = at(queue, name)
    local of = read[key] or {}
    read[key] = of
    if of[member] == nil then of[member] = redis.call('HGET', key, member) end
    return of[member]
  end
  local function set(queue, name, member, value)
    get(queue, name, member)
    read[at(queue, name)][member] = value
    note(fields, at(queue, name), member, value)
  end
  local function add(queue, name, member, more)
    local value = (tonumber(get(queue, name, member) or 0)) + more
    set(queue, name, member, value ~= 0 and value)
  end

  local function gate(queue, inner)
    local of = all[queue] or {}
    all[queue] = of
    if not of[inner] then
      local packed = get(queue, 'gates', inner)
      of[inner] = packed and cmsgpack.unpack(packed) or {}
    end
    return of[inner]
  end
  local function write(queue, inner)
    local one = gate(queue, inner)
    set(queue, 'gates', inner, cmsgpack.pack(one))
    note(indexes, at(queue, 'fading'), inner, not one.rule and not one.paused and number(math.max(one.heldUntil or 0, one.paidAt or 0)))
  end
  local function rule(queue, inner)
    return gate(queue, inner).rule or string.sub(inner, 1, 4) == 'key ' and gate(queue, '${eachKey}').rule or {}
  end
  local function counted(queue, state) return tonumber(redis.call('HGET', at(queue, 'counts'), state) or 0) + (counts[queue] and counts[queue][state] or 0) end
  local function active(queue, inner)
    if inner == 'queue' then return counted(queue, 'active') end
    return tonumber(get(queue, 'active', inner) or 0)
  end
  local function gatesOf(job)
    if job.key then return { 'task ' .. job.task, 'key ' .. job.key } end
    return { 'task ' .. job.task }
  end
  local function opensAt(queue, inner, cost)
    local one, by = gate(queue, inner), rule(queue, inner)
    if one.paused or by.concurrency and active(queue, inner) >= by.concurrency then return math.huge end
    local heldUntil, paidAt = one.heldUntil or 0, one.paidAt or 0
    if not by.rate or paidAt <= now then return heldUntil end
    return math.max(heldUntil, math.min(paidAt, paidAt + cost * by.rate.per / by.rate.limit - by.rate.per))
  end
  -- Gates of this script's own doing that are to be looked at, of each queue.
  local touched = {}
  local function mayOpen(queue, inner, time)
    note(indexes, at(queue, 'opening'), inner, number(time or 0))
    if not time then note(touched, queue, inner, true) end
  end
  -- A job is in its line no longer: others of its gates may go in its place.
  local function left(job)
    local inners = gatesOf(job)
    if job.ordered then inners[#inners + 1] = 'order ' .. job.key end
    for _, inner in ipairs(inners) do if get(job.queue, 'waiting', inner) then mayOpen(job.queue, inner) end end
  end

  -- The queue has gates, or keys, from now on.
  function keeper.begin(queue)
    if isGated(queue) then return end
    -- What this script has done is to be seen.
    writeSets()
    gatedQueues[queue] = 0
    redis.call('HSET', P .. ':gated', queue, '0')
    for _, worker in ipairs(redis.call('ZRANGE', P .. ':workers', 0, -1)) do
      local held, ids = redis.call('HGETALL', P .. ':held:' .. worker), {}
      for index = 1, #held, 2 do if held[index + 1] == queue then ids[#ids + 1] = held[index] end end
      loadAll(queue, ids)
      for _, id in ipairs(ids) do for _, inner in ipairs(gatesOf(load(queue, id))) do add(queue, 'active', inner, 1) end end
    end
  end

  function keeper.change(queue, inner, what)
    keeper.begin(queue)
    local one = gate(queue, inner)
    if what.rule or what.dropped then one.rule, one.paidAt = what.rule, 0 end
    if what.paused ~= nil then one.paused = what.paused end
    if what.holdFor then one.heldUntil = math.max(one.heldUntil or 0, now + what.holdFor) end
    write(queue, inner)
    if inner == '${eachKey}' then
      for _, waiting in ipairs(redis.call('HKEYS', at(queue, 'waiting'))) do mayOpen(queue, waiting) end
    elseif get(queue, 'waiting', inner) then mayOpen(queue, inner) end
  end

  local finishes = {}
  local function finishOf(queue, key)
    local of = finishes[queue] or {}
    finishes[queue] = of
    if not of[key] then of[key] = tonumber(redis.call('ZSCORE', at(queue, 'turns'), key) or 0) end
    return of[key]
  end

  -- Its place in the line, and the turn of its key.
  function keeper.rank(job)
    local reached, key = gatedQueues[job.queue], job.key or ''
    if job.token > 0 then return -job.priority * turns + reached end
    local turn = math.min(math.max(reached, finishOf(job.queue, key)), turns - 1)
    local finish = turn + math.max(1, math.floor(${share} / (rule(job.queue, 'key ' .. key).weight or 1) + 0.5))
    finishes[job.queue][key] = finish
    note(indexes, at(job.queue, 'turns'), key, number(finish))
    return -job.priority * turns + turn
  end

  -- When its queue lets a job through.
  function keeper.queueOpensAt(job) return opensAt(job.queue, 'queue', job.cost) end

  local function unpark(job, where)
    note(indexes, at(job.queue, 'parked:' .. where), job.id, false)
    set(job.queue, 'parkedAt', job.id, false)
    add(job.queue, 'waiting', string.match(where, '^[^:]*:(.*)$'), -1)
  end
  function keeper.forget(job)
    local where = get(job.queue, 'parkedAt', job.id)
    if where then unpark(job, where) end
    left(job)
  end

  -- Which of the ordered jobs of a key may go: the one that has begun, or else the first that is ready, whatever its line.
  local function nextOf(queue, key)
    local holder = get(queue, 'holders', key)
    if holder then return holder end
    writeSets()
    return redis.call('ZRANGE', at(queue, 'ordered:' .. key), 0, 0)[1]
  end

  -- Has a job wait that may not go.
  function keeper.holdsBack(job, line, score)
    local before
    if job.ordered and nextOf(job.queue, job.key) ~= job.id then before = 'order ' .. job.key else
      for _, inner in ipairs(gatesOf(job)) do if not before and opensAt(job.queue, inner, job.cost) > now then before = inner end end
    end
    if not before then return false end
    local where = line .. ':' .. before
    note(indexes, at(job.queue, 'line:' .. line), job.id, false)
    note(indexes, at(job.queue, 'parked:' .. where), job.id, score)
    set(job.queue, 'parkedAt', job.id, where)
    add(job.queue, 'waiting', before, 1)
    left(job)
    return true
  end

  -- A job goes through its gates.
  function keeper.passed(job, score)
    local queue = job.queue
    local turn = tonumber(score) + job.priority * turns
    if turn > gatedQueues[queue] then
      gatedQueues[queue] = turn
      note(fields, P .. ':gated', queue, number(turn))
    end
    if job.ordered then set(queue, 'holders', job.key, job.id) end
    local inners = gatesOf(job)
    inners[#inners + 1] = 'queue'
    for _, inner in ipairs(inners) do
      local rate = rule(queue, inner).rate
      if rate then
        local one = gate(queue, inner)
        one.paidAt = math.max(one.paidAt or 0, now) + job.cost * rate.per / rate.limit
        write(queue, inner)
      end
    end
  end

  -- A job became active, or is so no longer.
  function keeper.count(job, more)
    for _, inner in ipairs(gatesOf(job)) do
      add(job.queue, 'active', inner, more)
      if more < 0 and get(job.queue, 'waiting', inner) then
        mayOpen(job.queue, inner)
        news[job.queue] = true
      end
    end
    -- What waits in the queue may go, though before no gate of its own.
    if more < 0 and rule(job.queue, 'queue').concurrency then news[job.queue] = true end
  end
  function keeper.ended(job)
    if not job.ordered or get(job.queue, 'holders', job.key) ~= job.id then return end
    set(job.queue, 'holders', job.key, false)
    if not get(job.queue, 'waiting', 'order ' .. job.key) then return end
    mayOpen(job.queue, 'order ' .. job.key)
    news[job.queue] = true
  end

  local function firstOf(queue, line, inner)
    local id = redis.call('ZRANGE', at(queue, 'parked:' .. line .. ':' .. inner), 0, 0)[1]
    return id and load(queue, id)
  end
  local function room(queue, inner)
    local by, left = rule(queue, inner), math.huge
    if by.concurrency then left = by.concurrency - active(queue, inner) end
    if by.rate then left = math.min(left, math.max(1, math.ceil((by.rate.per - math.max(0, (gate(queue, inner).paidAt or 0) - now)) * by.rate.limit / by.rate.per))) end
    return left
  end

  -- When the first that waits in a line before a gate may go.
  local function letsGoAt(queue, inner, first)
    if string.sub(inner, 1, 6) == 'order ' then return nextOf(queue, string.sub(inner, 7)) == first and 0 or math.huge end
    local job = rule(queue, inner).rate and load(queue, first)
    return opensAt(queue, inner, job and job.cost or 1)
  end

  -- Looks at one gate: gives back as many as may go of each line, or a few more. It is looked at again when one of its jobs has left its line.
  local function look(queue, inner, most)
    local later, any = math.huge, false
    note(indexes, at(queue, 'opening'), inner, false)
    if not get(queue, 'waiting', inner) then return false end
    if string.sub(inner, 1, 6) == 'order ' then most = 1 else most = math.min(most, room(queue, inner)) end
    writeSets()
    for _, line in ipairs({ ${lines.map((line) => `'${line}'`).join(', ')} }) do
      local where = line .. ':' .. inner
      local first = redis.call('ZRANGE', at(queue, 'parked:' .. where), 0, 0)[1]
      local opens = first and letsGoAt(queue, inner, first) or math.huge
      if opens <= now then
        any = true
        local some = redis.call('ZRANGE', at(queue, 'parked:' .. where), 0, most - 1, 'WITHSCORES')
        for index = 1, #some, 2 do
          unpark({ queue = queue, id = some[index] }, where)
          note(indexes, at(queue, 'line:' .. line), some[index], some[index + 1])
        end
      else later = math.min(later, opens) end
    end
    if later < math.huge then mayOpen(queue, inner, later) end
    return any
  end

  -- Gives back what waits before gates that have opened. Says whether there was any, or may be more.
  function keeper.admit(queue, most)
    touched[queue] = nil
    writeSets()
    local inners = redis.call('ZRANGEBYSCORE', at(queue, 'opening'), '-inf', number(now), 'LIMIT', 0, gatesAtOnce)
    local any = #inners == gatesAtOnce
    for _, inner in ipairs(inners) do any = look(queue, inner, most) or any end
    return any
  end
  -- As admit, before gates that may have opened since.
  function keeper.admitMore(queue, most)
    local some, any = touched[queue], false
    touched[queue] = nil
    for inner in pairs(some or {}) do any = look(queue, inner, most) or any end
    return any
  end

  -- Forgets keys that have nothing more to wait for than new ones, all where nothing of their queue is ready, and gates that hold nothing back and have no rule of their own.
  function keeper.trim(queue)
    for _, inner in ipairs(redis.call('ZRANGEBYSCORE', at(queue, 'fading'), '-inf', number(now), 'LIMIT', 0, atOnce)) do
      note(indexes, at(queue, 'fading'), inner, false)
      set(queue, 'gates', inner, false)
    end
    for _, key in ipairs(redis.call('ZRANGEBYSCORE', at(queue, 'turns'), '-inf', counted(queue, 'ready') == 0 and '+inf' or number(gatedQueues[queue]), 'LIMIT', 0, atOnce)) do
      note(indexes, at(queue, 'turns'), key, false)
    end
  end

  -- When the next gate before which jobs wait opens by itself.
  function keeper.nextOpening(queue)
    local first = redis.call('ZRANGEBYSCORE', at(queue, 'opening'), '(' .. number(now), '+inf', 'WITHSCORES', 'LIMIT', 0, 1)[2]
    return first and tonumber(first)
  end
  return keeper
end
`

/** Takes jobs of queues of which at least one has gates, or keys: one by one, since each may close a gate to the next. */
export const takeGatedLua: string = String.raw`
-- The delivery of a job that a worker takes.
local function taken(job, worker)
  change(job, { event = 'reserve', worker = worker })
  return { job.id, job.token, job.task, job.place, job.attempt, job.suspect and '1' or false, job.deaths, job.deferrals, job.payload, job.queue }
end

local function takeGated(request, line, left, deliveries)
  local buffers, admitted, opensLater, passedOver = {}, {}, nil, 0
  local function head(queue)
    local buffer = buffers[queue]
    if not buffer or (buffer.index * 2 > #buffer.some and buffer.mayBeMore) then
      writeSets()
      local some = redis.call('ZRANGE', at(queue, 'line:' .. line), 0, math.min(left, atOnce) - 1, 'WITHSCORES')
      local ids = {}
      for index = 1, #some, 2 do ids[#ids + 1] = some[index] end
      loadAll(queue, ids)
      buffer = { some = some, index = 1, mayBeMore = #some > 0 }
      buffers[queue] = buffer
    end
    local id = buffer.some[buffer.index * 2 - 1]
    return id and load(queue, id), buffer
  end
  local function first(queue)
    if not isGated(queue) then return head(queue) end
    while passedOver < asked.mostAtOnce do
      local any
      if admitted[queue] then any = gates().admitMore(queue, left) else any = gates().admit(queue, left) end
      admitted[queue] = true
      if any then buffers[queue] = nil end
      local job, buffer = head(queue)
      if not job then
        if not gates().admit(queue, left) then return end
        buffers[queue] = nil
      elseif gates().holdsBack(job, line, buffer.some[buffer.index * 2]) then
        buffer.index = buffer.index + 1
        passedOver = passedOver + 1
      else return job, buffer end
    end
  end
  while left > 0 do
    local job, from
    for _, queue in ipairs(request.queues) do
      local head, buffer = first(queue)
      if head and (not job or head.priority > job.priority or head.priority == job.priority and head.id < job.id) then
        local opens = isGated(queue) and gates().queueOpensAt(head) or 0
        if opens <= now then job, from = head, buffer
        elseif opens < math.huge then opensLater = math.min(opensLater or opens, opens) end
      end
    end
    if passedOver >= asked.mostAtOnce then return false, 0 end
    if not job then break end
    local score = from.some[from.index * 2]
    from.index = from.index + 1
    local has = isGated(job.queue)
    if hasExpired(job) then
      change(job, { event = 'bury', error = bytes(asked.expired), why = asked.whyExpired })
      passedOver = passedOver + 1
      -- What it published may have changed others.
      if job.links then buffers = {} end
    else
      if has then gates().passed(job, score) end
      deliveries[#deliveries + 1] = taken(job, request.worker)
      left = left - 1
    end
  end
  return true, opensLater
end
`
