import { newsOf } from '../../jobs/queue-event.ts'
import { eventsAtOnce, eventsTopic } from '../bus.ts'

/**
 * What is told of jobs and workers: what `told` in jobs/queue-event.ts decides, once more; the conformance suite compares. In the order in which it happens. Only where
 * somebody hears it is there anything but `heard`: to make functions that nobody calls costs more than the question.
 */
export const eventLua: string = String.raw`
local heard = redis.call('PUBSUB', 'NUMSUB', P .. ':bus:${eventsTopic}')[2] > 0
local tell, tellChange, tellWorker, tellAll
if heard then
  local happened = {}
  local newsOf = { ${Object.entries(newsOf).map(([event, type]) => `${event} = '${type}'`).join(', ')} }

  function tell(type, job, attempt, worker, more)
    local news = more or {}
    news.type, news.at, news.job, news.task, news.queue, news.attempt, news.token, news.worker = type, now, job.id, job.task, job.queue, attempt, job.token, worker
    happened[#happened + 1] = news
  end

  -- What a change was told of, as it is told to others; was is of the job before.
  function tellChange(job, what, was)
    local type = final[job.state] and job.state or newsOf[what.event]
    if not type then return end
    local more = {}
    if type == 'failed' or type == 'dead' or type == 'retried' then more.error = cjson.decode(what.why) end
    if type == 'retried' then more.dueAt = math.floor(job.dueAt) end
    tell(type, job, type == 'started' and job.attempt or was.attempt, job.worker or was.worker, more)
  end

  function tellWorker(type, worker, more)
    local news = more or {}
    if not more then
      local info = redis.call('HGET', P .. ':infos', worker)
      news.active, news.capacity = redis.call('HLEN', P .. ':held:' .. worker), info and cjson.decode(info).capacity or 0
    end
    news.type, news.at, news.worker = type, now, worker
    happened[#happened + 1] = news
  end

  function tellAll()
    for first = 1, #happened, ${eventsAtOnce} do
      redis.call('PUBLISH', P .. ':bus:${eventsTopic}', cjson.encode({ unpack(happened, first, math.min(first + ${eventsAtOnce} - 1, #happened)) }))
    end
  end
end
`
