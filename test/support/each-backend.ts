import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { afterAll, describe, onTestFinished, test } from 'vitest'
import type { Backend } from '../../src/backends/backend.ts'
import { openBackend } from '../../src/backends/registry.ts'
import { RedisServer } from './redis-server.ts'
import { testWithRedis } from './requirements.ts'
import { temporaryFolder } from './temporary-folder.ts'

/** Opens handles on an empty place of one test; they are closed when it ends. */
export type Open = () => Promise<Backend>

/** The same tests on every backend: what clients and workers do together. */
export function onEachBackend(title: string, tests: (test: (name: string, body: (open: Open) => Promise<void>) => void) => void): void {
  let server: Promise<RedisServer> | undefined
  afterAll(async () => (await server)?.[Symbol.asyncDispose]())
  const places: Readonly<Record<string, { readonly run: typeof test, readonly open: () => Promise<Open> }>> = {
    memory: {
      run: test,
      async open() {
        const backend = openBackend('memory:')
        return () => backend
      }
    },
    sqlite: {
      run: test,
      async open() {
        const folder = temporaryFolder()
        onTestFinished(() => folder[Symbol.dispose]())
        return () => openBackend(`sqlite:${join(folder.path, 'jobs.db')}`)
      }
    },
    redis: {
      run: testWithRedis(),
      async open() {
        const { url } = await (server ??= RedisServer.start())
        const prefix = randomUUID()
        return () => openBackend(`${url}?prefix=${prefix}`)
      }
    }
  }
  for (const [kind, { run, open }] of Object.entries(places)) {
    describe(`${title} on ${kind}`, () => tests((name, body) => run(name, async () => {
      const opened = new Set<Backend>()
      const openOne = await open()
      try {
        await body(async () => {
          const backend = await openOne()
          opened.add(backend)
          return backend
        })
      } finally {
        await Promise.all(Array.from(opened, (backend) => backend.close()))
      }
    })))
  }
}
