/** Publishes jobs, and says which of them were not kept as they came. What is decided of unique keys is decided in jobs/unique.ts, once more. */
export const publishLua: string = String.raw`
-- What never changes of a job, as it is kept.
local function writeFixed(job)
  local fixed = { job.task, job.place, job.priority, job.createdAt, job.firstDueAt, job.firstExpiresAt or false, job.tags, job.payload }
  -- A ninth says that it has something unusual to it: see exchange-usual.ts.
  if job.unique or job.links or job.parent or job.key or job.cost ~= 1 or job.firstExpiresAt then
    fixed[9] = { unique = job.unique, links = job.links, parent = job.parent, key = job.key, ordered = job.ordered, cost = job.cost }
  end
  note(fields, at(job.queue, 'jobs'), job.id, cmsgpack.pack(fixed))
end

-- With what it holds instead of where that stands. What is linked is packed, each in what holds it: tables are packed to a small depth only.
local function unpacked(asked)
  asked.payload = bytes(asked.payload)
  for _, link in ipairs(asked.links or {}) do link.job = cmsgpack.pack(unpacked(link.job)) end
  return asked
end

local function hold(queue, key)
  local all = fields[at(queue, 'unique')]
  local packed = all and all[key]
  if packed == nil then packed = redis.call('HGET', at(queue, 'unique'), key) end
  if packed then return cmsgpack.unpack(packed) end
end

local function writeHold(new, id)
  note(fields, at(new.queue, 'unique'), new.unique.key, cmsgpack.pack({ job = id, untilAt = now + new.unique.window }))
  note(indexes, at(new.queue, 'orphans'), new.unique.key, false)
end

-- The holder of a key, which has not begun, as another that came makes it.
local function amend(job, new, how)
  local dueAt, expiresAt = now + new.delay, new.expires and now + new.expires
  place(job, false)
  if how == 'merged' then
    if job.state ~= 'scheduled' or new.delay == 0 then job.state = 'ready' end
    job.dueAt, job.priority = math.min(job.dueAt, dueAt), math.max(job.priority, new.priority)
    job.expiresAt = job.expiresAt and expiresAt and math.max(job.expiresAt, expiresAt) or nil
  else
    job.state = new.delay > 0 and 'scheduled' or 'ready'
    job.task, job.place, job.priority, job.tags, job.payload = new.task, new.place, new.priority, new.tags, new.payload
    job.key, job.ordered, job.cost = new.key, new.ordered, new.cost or 1
    job.links, job.parent, job.dueAt, job.expiresAt = new.links, nil, dueAt, expiresAt or nil
  end
  job.firstDueAt, job.firstExpiresAt = job.dueAt, job.expiresAt
  place(job, true)
  writeFixed(job)
  changed[job.id] = job
end

local function admit(new)
  local taken = hold(new.queue, new.unique.key)
  local holder = taken and load(new.queue, taken.job)
  if not taken or not (taken.untilAt > now or holder and not final[holder.state]) then return 'created' end
  local waits = holder and holder.token == 0 and (holder.state == 'ready' or holder.state == 'scheduled')
  local how = ({ reject = 'rejected', merge = 'merged', replace = waits and 'replaced' or 'created' })[new.unique.taken]
  if how ~= 'created' and how ~= 'rejected' and waits then amend(holder, new, how) end
  return how, taken.job
end

-- A job that is not known yet. Says what became of it, and who stands for it, where it was not created.
local function publishOne(new, parent)
  news[new.queue] = true
  if new.unique then
    local how, holder = admit(new)
    if how == 'created' or how == 'replaced' then writeHold(new, holder and how == 'replaced' and holder or new.id) end
    if how ~= 'created' then return how, holder end
  end
  if redis.call('SISMEMBER', P .. ':queues', new.queue) == 0 then redis.call('SADD', P .. ':queues', new.queue) end
  local extras = { unique = new.unique and new.unique.key, links = new.links, parent = parent, key = new.key, ordered = new.ordered, cost = new.cost }
  local made = born(new.id, new.queue, new.task, new.place, new.priority, now, now + new.delay, new.expires and now + new.expires or false, new.tags, new.payload, extras)
  made.state = new.delay > 0 and 'scheduled' or 'ready'
  writeFixed(made)
  note(indexes, at(new.queue, 'ids'), new.id, 0)
  place(made, true)
  known[made.id] = new.unique and made or nil
  if heard then tell('enqueued', made, 0) end
end
`
