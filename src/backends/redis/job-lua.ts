/**
 * What every script begins with: where things are, how a job is read and written, what becomes of it. `happen` says again what `jobs/job.ts` decides, and `entry`
 * what `jobs/history.ts` does: the conformance suite compares.
 *
 * Keys, of a prefix P: `P:queues` (set), `P:workers` (by when their leases end), `P:announced` (set), `P:held:WORKER` (job → queue). Of a queue, whose
 * name is the hash tag of each: `jobs` (id → what never changes), `moved` (id → where it stands, once anything but its birth has happened to it), `ids` (in
 * the order of arrival, which is that of ids), `line:LINE` (ready: the highest priority first, then by id), `due`, `expiring`, `counts`, `progress`, and of jobs
 * that have any `history:ID` and `logs:ID`.
 *
 * Arguments: KEYS[1] is P; ARGV[1] names what is asked, as JSON, in which bytes are named by their place among the further arguments. Numbers are told with
 * all their digits, nothing as false.
 */
export const jobLua: string = String.raw`
local P = KEYS[1]
local asked = cjson.decode(ARGV[1])
local now = asked.now
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end

local function number(value) return value and string.format('%.17g', value) end
local function bytes(place) return place and ARGV[place + 2] end
local function at(queue, name) return P .. ':{' .. queue .. '}:' .. name end
local function queues() return redis.call('SMEMBERS', P .. ':queues') end

-- What is told to others once the script has done its work.
local news, ended, counts = {}, {}, {}
local function count(queue, state, more)
  local key = at(queue, 'counts')
  counts[key] = counts[key] or {}
  counts[key][state] = (counts[key][state] or 0) + more
end
local function tell()
  for key, states in pairs(counts) do
    for state, more in pairs(states) do if more ~= 0 then redis.call('HINCRBY', key, state, more) end end
  end
  for queue in pairs(news) do redis.call('PUBLISH', P .. ':news', queue) end
  if #ended > 0 then redis.call('PUBLISH', P .. ':ended', table.concat(ended, '\n')) end
end

local moving = { 'state', 'dueAt', 'expiresAt', 'startedAt', 'finishedAt', 'attempt', 'token', 'rescues', 'deaths', 'deferrals', 'suspect', 'worker', 'cancelling', 'result', 'error', 'wall', 'cpu' }

local function born(id, queue, task, place, priority, createdAt, dueAt, expiresAt, tags, payload)
  return {
    id = id, queue = queue, task = task, place = place, priority = priority, createdAt = createdAt, dueAt = dueAt, expiresAt = expiresAt or nil, tags = tags, payload = payload,
    attempt = 0, token = 0, rescues = 0, deaths = 0, deferrals = 0
  }
end

local function load(queue, id)
  local fixed = redis.call('HGET', at(queue, 'jobs'), id)
  if not fixed then return nil end
  local job = born(id, queue, unpack(cmsgpack.unpack(fixed)))
  local moved = redis.call('HGET', at(queue, 'moved'), id)
  if moved then
    local values = cmsgpack.unpack(moved)
    for index, name in ipairs(moving) do job[name] = values[index] or nil end
  else
    job.state = redis.call('ZSCORE', at(queue, 'due'), id) and 'scheduled' or 'ready'
  end
  return job
end

local function save(job)
  local values = {}
  for index, name in ipairs(moving) do values[index] = job[name] or false end
  redis.call('HSET', at(job.queue, 'moved'), job.id, cmsgpack.pack(values))
end

-- Its queue is known to whoever published or took it; others look.
local function find(id, queue)
  if queue then
    local job = load(queue, id)
    if job then return job end
  end
  for _, each in ipairs(queues()) do
    local job = load(each, id)
    if job then return job end
  end
end

local function lineOf(job) return job.suspect and 'suspect' or job.place end
local function expires(job) return job.expiresAt and job.attempt == 0 and (job.state == 'ready' or job.state == 'scheduled') end
local function hasExpired(job) return job.attempt == 0 and job.expiresAt and job.expiresAt <= now end

local final = { succeeded = true, failed = true, cancelled = true, dead = true }

local function file(job)
  if job.state == 'ready' then redis.call('ZADD', at(job.queue, 'line:' .. lineOf(job)), -job.priority, job.id)
  elseif job.state == 'scheduled' then redis.call('ZADD', at(job.queue, 'due'), number(job.dueAt), job.id)
  elseif job.state == 'active' then redis.call('HSET', P .. ':held:' .. job.worker, job.id, job.queue)
  else ended[#ended + 1] = job.id end
  if expires(job) then redis.call('ZADD', at(job.queue, 'expiring'), number(job.expiresAt), job.id) end
  count(job.queue, job.state, 1)
end

local function unfile(job)
  if job.state == 'ready' then redis.call('ZREM', at(job.queue, 'line:' .. lineOf(job)), job.id)
  elseif job.state == 'scheduled' then redis.call('ZREM', at(job.queue, 'due'), job.id)
  elseif job.state == 'active' then redis.call('HDEL', P .. ':held:' .. job.worker, job.id) end
  if expires(job) then redis.call('ZREM', at(job.queue, 'expiring'), job.id) end
  count(job.queue, job.state, -1)
end

local transitions = {
  scheduled = { due = 'ready', cancel = 'cancelled', bury = 'dead' },
  ready = { reserve = 'active', cancel = 'cancelled', bury = 'dead' },
  active = {
    succeed = 'succeeded', retry = 'scheduled', fail = 'failed', release = 'ready', defer = 'scheduled',
    rescue = 'ready', cancel = 'active', stop = 'cancelled', bury = 'dead'
  },
  succeeded = {}, failed = { revive = 'ready' }, cancelled = { revive = 'ready' }, dead = { revive = 'ready' }
}
local again = { retry = true, release = true, defer = true, rescue = true }

-- See happen in jobs/job.ts. Changes the job in place.
local function happen(job, what)
  local event = what.event
  if job.cancelling and again[event] then return happen(job, { event = 'stop' }) end
  local state = transitions[job.state][event]
  if not state then error('TREADLE_TRANSITION ' .. event .. ' ' .. job.state .. ' ' .. job.task .. ' ' .. job.id) end
  local before = job.state
  job.state = state
  if event == 'due' then return end
  if event == 'reserve' then
    job.worker, job.attempt, job.token, job.startedAt = what.worker, job.attempt + 1, job.token + 1, now
    return
  end
  if event == 'cancel' and before == 'active' then
    job.cancelling = true
    return
  end
  if event == 'revive' then
    job.dueAt, job.expiresAt, job.startedAt, job.finishedAt = now, nil, nil, nil
    job.attempt, job.rescues, job.deaths, job.deferrals = 0, 0, 0, 0
    job.result, job.error, job.wall, job.cpu = nil, nil, nil, nil
    return
  end
  job.worker = nil
  if final[state] then
    job.cancelling, job.suspect, job.finishedAt = nil, nil, now
    if event == 'succeed' then job.result, job.error, job.wall, job.cpu = what.result, nil, what.wall, what.cpu
    elseif event == 'fail' then job.error, job.wall, job.cpu = what.error, what.wall, what.cpu
    elseif event == 'bury' then job.error = what.error end
    if what.died then job.deaths = job.deaths + 1 end
    return
  end
  job.startedAt = nil
  if event == 'retry' then
    job.deferrals, job.dueAt, job.error, job.wall, job.cpu = 0, now + what.delay, what.error, what.wall, what.cpu
    if not what.died then job.suspect = nil
    else
      job.deaths = job.deaths + 1
      if job.suspect then job.attempt = job.attempt - 1 end
    end
    return
  end
  job.attempt = job.attempt - 1
  if event == 'defer' then job.deferrals, job.dueAt, job.error = job.deferrals + 1, now + what.delay, what.error
  elseif event == 'rescue' and not what.announced then job.rescues, job.suspect = job.rescues + 1, true end
end

-- See entryOf in jobs/history.ts.
local untold = { due = true, reserve = true, succeed = true }
local told = { retry = true, fail = true, defer = true, bury = true }
local function entry(before, event, after)
  if untold[event] or (event == 'cancel' and before.cancelling) then return end
  if before.state == 'active' and after.state == 'cancelled' then event = 'stop' elseif after.state == 'dead' then event = 'bury' end
  local spent = told[event] and event ~= 'defer'
  local key = at(after.queue, 'history:' .. after.id)
  redis.call('RPUSH', key, cmsgpack.pack({
    now, event, before.attempt, before.token, before.worker or false, before.startedAt or false,
    told[event] and after.error or false, spent and after.wall or false, spent and after.cpu or false
  }))
  redis.call('LTRIM', key, -asked.historyLimit, -1)
end

local function copy(job)
  local same = {}
  for name, value in pairs(job) do same[name] = value end
  return same
end

-- It has become what it is now by that event.
local function become(before, event, job)
  entry(before, event, job)
  unfile(before)
  file(job)
  save(job)
  if event == 'reserve' or event == 'revive' then redis.call('HDEL', at(job.queue, 'progress'), job.id) end
  if (before.state == 'active' or final[before.state]) and not final[job.state] then news[job.queue] = true end
end

local function change(job, what)
  local before = copy(job)
  happen(job, what)
  become(before, what.event, job)
end

local function shown(job)
  return {
    job.id, job.task, job.queue, job.place, number(job.priority), job.tags, job.state, number(job.dueAt), number(job.expiresAt) or false, number(job.createdAt),
    number(job.startedAt) or false, number(job.finishedAt) or false, number(job.attempt), number(job.token), number(job.rescues), number(job.deaths),
    number(job.deferrals), job.suspect and '1' or false, job.worker or false, job.cancelling and '1' or false, job.result or false, job.error or false,
    number(job.wall) or false, number(job.cpu) or false, redis.call('HGET', at(job.queue, 'progress'), job.id) or false
  }
end
`
