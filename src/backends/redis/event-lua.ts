import { newsOf } from '../../jobs/queue-event.ts'
import { eventsAtOnce, eventsTopic } from '../bus.ts'

/** What is told of jobs and workers: what `told` in jobs/queue-event.ts decides, once more; the conformance suite compares. In the order in which it happens. */
export const eventLua: string = String.raw`
local happened, hears = {}, nil
local function heard()
  if hears == nil then hears = redis.call('PUBSUB', 'NUMSUB', P .. ':bus:${eventsTopic}')[2] > 0 end
  return hears
end

local newsOf = { ${Object.entries(newsOf).map(([event, type]) => `${event} = '${type}'`).join(', ')} }
local function tell(type, job, attempt, worker, more)
  if not type or not heard() then return end
  local news = more or {}
  news.type, news.at, news.job, news.task, news.queue, news.attempt, news.token, news.worker = type, now, job.id, job.task, job.queue, attempt, job.token, worker
  happened[#happened + 1] = news
end

-- What a change was told of, as it is told to others; before is of the job as it was.
local function tellChange(job, what, before)
  local type = final[job.state] and job.state or newsOf[what.event]
  local more = {}
  if type == 'failed' or type == 'dead' or type == 'retried' then more.error = cjson.decode(what.why) end
  if type == 'retried' then more.dueAt = math.floor(job.dueAt) end
  tell(type, job, type == 'started' and job.attempt or before.attempt, job.worker or before.worker, more)
end

local function tellWorker(type, worker, more)
  if not heard() then return end
  local news = more or {}
  if not more then
    local info = redis.call('HGET', P .. ':infos', worker)
    news.active, news.capacity = redis.call('HLEN', P .. ':held:' .. worker), info and cjson.decode(info).capacity or 0
  end
  news.type, news.at, news.worker = type, now, worker
  happened[#happened + 1] = news
end

local function tellAll()
  for first = 1, #happened, ${eventsAtOnce} do
    redis.call('PUBLISH', P .. ':bus:${eventsTopic}', cjson.encode({ unpack(happened, first, math.min(first + ${eventsAtOnce} - 1, #happened)) }))
  end
end
`
