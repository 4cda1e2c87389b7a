import { createClient } from '@redis/client'
import { RedisServer } from '../../test/support/redis-server.ts'
import type { Place } from '../queue/treadle.ts'

/** A server for one case of one contender, without persistence. */
export async function freshServer(): Promise<Required<Place>> {
  const server = await RedisServer.start('--maxmemory-policy', 'noeviction')
  return {
    url: server.url,
    async memory() {
      const client = await createClient({ url: server.url }).connect()
      try {
        return Number(/^used_memory:(\d+)/m.exec(await client.info('memory'))![1])
      } finally {
        client.destroy()
      }
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]()
  }
}
