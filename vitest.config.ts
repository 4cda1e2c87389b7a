import { fileURLToPath } from 'node:url'
import { type ViteUserConfig, defineConfig } from 'vitest/config'

const config: ViteUserConfig = defineConfig({
  test: {
    pool: 'forks',
    // Very many programs are started, of the same sources: Node strips and compiles them once.
    env: { NODE_COMPILE_CACHE: fileURLToPath(new URL('node_modules/.cache/compiled', import.meta.url)) },
    // Two cores: tests start threads and processes of their own, and a stall must not be our own doing.
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // What is waited for comes soon, and later where the machine is busy.
    expect: { poll: { timeout: 10_000 } },
    projects: [
      { extends: true, test: { name: 'all', include: ['test/**/*.test.ts'] } },
      // What is a server's own is said of Valkey as well.
      { extends: true, test: { name: 'valkey', include: ['test/backends/redis*.test.ts', 'test/backends/gate-leftovers.test.ts', 'test/worker/redis-away.test.ts'], env: { REDIS_SERVER: 'valkey-server', HISTORIES: process.env['HISTORIES'] ?? '60' } } }
    ]
  }
})

export default config
