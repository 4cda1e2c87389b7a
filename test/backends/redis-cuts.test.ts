import { afterAll, describe } from 'vitest'
import { redis } from '../../src/backends/redis/redis-backend.ts'
import type { VirtualClock } from '../../src/kernel/virtual-clock.ts'
import { cutHistories } from '../support/histories.ts'
import { Fuse, RedisServer, relay } from '../support/redis-server.ts'
import { testWithRedis } from '../support/requirements.ts'
import { type CutPlace, type Cuttable, replayCut } from './cut-histories.ts'

let server: Promise<RedisServer> | undefined
afterAll(async () => (await server)?.[Symbol.asyncDispose]())

let places = 0

function redisPlace(server: RedisServer, clock: VirtualClock): CutPlace {
  const prefix = `cut-${++places}`
  const opened = new AsyncDisposableStack()
  return {
    async open(): Promise<Cuttable> {
      const fuse = new Fuse()
      const line = opened.use(await relay(fuse.to(server)))
      const backend = await redis(line.url, { prefix, clock })
      opened.defer(() => backend.close())
      return {
        backend, afterwards: 'unknown',
        cut: (way, after) => fuse.arm(way, after),
        get cuts() { return fuse.blown },
        drop: () => line.cut()
      }
    },
    async observe() {
      const backend = await redis(server.url, { prefix, clock })
      opened.defer(() => backend.close())
      return backend
    },
    leftovers: async () => (await server.say(`KEYS ${prefix}:*`)).split('\r\n').filter((line) => line.startsWith(prefix) && !/:(gated|queues|counts)$/.test(line)),
    [Symbol.asyncDispose]: () => opened.disposeAsync()
  }
}

describe('random histories, cut off', () => {
  testWithRedis()('connections to a server break at any byte, and handles go', { timeout: 60_000 + cutHistories.runs * 1_000 }, async () => {
    const started = await (server ??= RedisServer.start())
    await replayCut((clock) => redisPlace(started, clock), { ...cutHistories, lanes: 8 })
  })
})
