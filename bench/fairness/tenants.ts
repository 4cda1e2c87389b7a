import { connect, startWorker } from 'treadle'
import type { Place } from '../queue/treadle.ts'
import { bulk, payload } from '../queue/load.ts'
import * as tasks from '../queue/tasks.ts'
import type { Measure } from '../suite.ts'

const amounts = { large: 100_000, medium: 1_000, small: 10 } as const

/**
 * @param open makes a place without jobs
 * @param keyed whether each tenant's jobs have its key
 */
export const measuring = (open: () => Place | Promise<Place>, keyed: boolean): Measure => async () => {
  await using place = await open()
  await using queue = await connect(place.url, { tasks })
  const jobs = new Map<string, string[]>()
  for (const [tenant, amount] of Object.entries(amounts)) {
    const own = keyed ? tasks.noop.with({ key: tenant }) : tasks.noop
    const ids: string[] = []
    for (let at = 0; at < amount; at += bulk) {
      for (const { id } of await queue.enqueueMany(own, Array.from({ length: Math.min(bulk, amount - at) }, () => [payload]))) ids.push(id)
    }
    jobs.set(tenant, ids)
  }
  const start = performance.timeOrigin + performance.now()
  await using _worker = await startWorker(place.url, { tasks, loopConcurrency: 10 })
  const figures: Record<string, number> = {}
  for (const [tenant, ids] of jobs) {
    let [first, last] = [Infinity, 0]
    for (const id of ids.length > 1_000 ? [...ids.slice(0, 20), ...ids.slice(-20)] : ids) {
      await queue.job(id).result()
      const { finishedAt } = await queue.read(id)
      first = Math.min(first, finishedAt! - start)
      last = Math.max(last, finishedAt! - start)
    }
    figures[`-${tenant}-first`] = first / 1_000
    figures[`-${tenant}-last`] = last / 1_000
  }
  return figures
}
