import { join } from 'node:path'
import { afterAll } from 'vitest'
import type { Backend } from '../../src/backends/backend.ts'
import { memory } from '../../src/backends/memory/memory-backend.ts'
import { redis } from '../../src/backends/redis/redis-backend.ts'
import { threadedSqlite } from '../../src/backends/sqlite/threaded-sqlite.ts'
import { connectShared } from '../../src/client/shared/connect-shared.ts'
import { type OpenReach, queueLaw } from '../concurrency/queue-law.ts'
import { RedisServer } from '../support/redis-server.ts'
import { testWithRedis } from '../support/requirements.ts'
import { sharedFolder } from '../support/temporary-folder.ts'

const path = join(sharedFolder(), 'queues.db')
let server: Promise<RedisServer> | undefined
afterAll(async () => (await server)?.[Symbol.asyncDispose]())

let made = 0

/** Two clients of one store; each queue has a name of its own. */
function through(open: () => Promise<Backend>): OpenReach {
  const backends = new AsyncDisposableStack()
  let pair: Promise<readonly [Backend, Backend]> | undefined
  const opened = async (): Promise<Backend> => backends.adopt(await open(), (backend) => backend.close())
  afterAll(() => backends.disposeAsync())
  return async (options) => {
    const [here, there] = await (pair ??= Promise.all([opened(), opened()]))
    const stack = new AsyncDisposableStack()
    const [one, other] = [stack.use(await connectShared(here)), stack.use(await connectShared(there))]
    const name = `queue-${++made}`
    const bounds = options?.maxSize === undefined ? {} : { maxSize: options.maxSize }
    return { queue: one.queue(name, bounds), own: other.queue(name, bounds), [Symbol.asyncDispose]: () => stack.disposeAsync() }
  }
}

const one = memory()
queueLaw('in memory', through(async () => one))
queueLaw('in a SQLite file', through(() => threadedSqlite(path)))
queueLaw('in Redis', through(async () => redis((await (server ??= RedisServer.start())).url)), testWithRedis())
