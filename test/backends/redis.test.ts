import { afterAll, describe, expect } from 'vitest'
import { redis } from '../../src/backends/redis/redis-backend.ts'
import { backendConformance } from '../../src/testing/backend-conformance.ts'
import { histories } from '../support/histories.ts'
import { RedisServer } from '../support/redis-server.ts'
import { testWith } from '../support/requirements.ts'

let server: Promise<RedisServer> | undefined
afterAll(async () => (await server)?.[Symbol.asyncDispose]())

backendConformance({
  histories,
  name: 'redis',
  open: async (where, clock) => redis((await (server ??= RedisServer.start())).url, { prefix: where, clock })
}, { describe, test: testWith(['redis-server', '--version'], 'apt-get install redis-server'), expect })
