import { join } from 'node:path'
import { afterAll, test } from 'vitest'
import type { Backend } from '../../src/backends/backend.ts'
import { memory } from '../../src/backends/memory/memory-backend.ts'
import { redis } from '../../src/backends/redis/redis-backend.ts'
import { sqlite } from '../../src/backends/sqlite/sqlite-backend.ts'
import type { Clock } from '../../src/kernel/clock.ts'
import { RedisServer } from './redis-server.ts'
import { testWithRedis } from './requirements.ts'
import { sharedFolder } from './temporary-folder.ts'

export interface BackendKind {
  readonly name: string
  /** `test`, where there is what it needs. */
  readonly test: typeof test
  /** A place without anything in it. */
  readonly place: () => {
    /** One more handle on it; of memory there is one. */
    readonly open: (clock: Clock) => Promise<Backend>
  }
}

/** Every backend, for a test that runs on each; called at the top of its file. */
export function backendKinds(): readonly BackendKind[] {
  const folder = sharedFolder()
  let server: Promise<RedisServer> | undefined
  afterAll(async () => (await server)?.[Symbol.asyncDispose]())
  let places = 0
  return [
    {
      name: 'memory', test,
      place() {
        let one: Backend | undefined
        return { open: async (clock) => one ??= memory({ clock }) }
      }
    },
    {
      name: 'sqlite', test,
      place() {
        const path = join(folder, `place-${++places}.db`)
        return { open: (clock) => sqlite(path, { clock }) }
      }
    },
    {
      name: 'redis', test: testWithRedis(),
      place() {
        const prefix = `place-${++places}`
        return { open: async (clock) => redis((await (server ??= RedisServer.start())).url, { prefix, clock }) }
      }
    }
  ]
}
