import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import { connect } from '../../src/client/connect.ts'
import * as tasks from '../fixtures/queue/tasks.ts'
import { WorkerProcess } from '../support/processes.ts'
import { RedisServer } from '../support/redis-server.ts'
import { testWithRedis } from '../support/requirements.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const test = testWithRedis()
const tasksFile = fileURLToPath(new URL('../fixtures/queue/tasks.ts', import.meta.url))

for (const kind of ['sqlite', 'redis']) {
  test(`on ${kind}, whoever listens in another process hears that a worker was killed, and what became of its job`, async () => {
    using folder = temporaryFolder()
    await using opened = new AsyncDisposableStack()
    const url = kind === 'sqlite' ? `sqlite:${join(folder.path, 'jobs.db')}` : opened.use(await RedisServer.start()).url
    const queue = opened.use(await connect(url, { tasks }))
    const events = queue.events()
    await events.ready
    const workers = await Promise.all([1, 2].map(() => opened.use(new WorkerProcess(url, tasksFile, '--lease', '1s')).ready()))
    const job = await queue.enqueue(tasks.waitForAbort)
    const told: [type: string, worker: string | undefined][] = []
    for await (const event of events) {
      if (event.type === 'worker-heartbeat' || event.type === 'missed') continue
      told.push([event.type, event.worker])
      const holder = event.type === 'started' ? workers.find((one) => one.logged().some(({ msg, worker }) => msg === 'worker ready' && worker === event.worker)) : undefined
      if (event.type === 'started' && event.token === 1) await holder!.kill()
      else if (holder) await job.cancel()
      if (event.type === 'cancelled') {
        expect(event).toMatchObject({ job: job.id, token: 2, attempt: 1 })
        break
      }
      if (event.type === 'worker-offline') expect(event.lost).toBe(true)
    }
    const first = told.find(([type]) => type === 'started')![1]
    const second = told.findLast(([type]) => type === 'started')![1]
    expect(second).not.toBe(first)
    expect(told.filter(([type]) => type === 'worker-online').map(([, id]) => id)).toEqual(expect.arrayContaining([first, second]))
    const order = told.filter(([type]) => !type.startsWith('worker'))
    expect(order).toEqual([['enqueued', undefined], ['started', first], ['rescued', first], ['started', second], ['cancelled', second]])
    expect(told).toContainEqual(['worker-offline', first])
  })
}
