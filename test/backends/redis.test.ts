import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { redis } from '../../src/backends/redis/redis-backend.ts'
import { backendConformance } from '../../src/testing/backend-conformance.ts'
import { RedisServer } from '../support/redis-server.ts'

let server: RedisServer
beforeAll(async () => { server = await RedisServer.start() })
afterAll(() => server[Symbol.asyncDispose]())

backendConformance({
  name: 'redis',
  open: (where, clock) => redis(server.url, { prefix: where, clock })
}, { describe, test, expect })
