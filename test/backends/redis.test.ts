import { afterAll, describe, expect } from 'vitest'
import { redis } from '../../src/backends/redis/redis-backend.ts'
import { backendConformance } from '../../src/testing/backend-conformance.ts'
import { histories } from '../support/histories.ts'
import { RedisServer, redisProgram } from '../support/redis-server.ts'
import { testWithRedis } from '../support/requirements.ts'

let server: Promise<RedisServer> | undefined
afterAll(async () => (await server)?.[Symbol.asyncDispose]())

backendConformance({
  histories,
  name: redisProgram,
  open: async (where, clock) => redis((await (server ??= RedisServer.start())).url, { prefix: where, clock })
}, { describe, test: testWithRedis(), expect })
