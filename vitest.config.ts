import { type ViteUserConfig, defineConfig } from 'vitest/config'

const config: ViteUserConfig = defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    // Two cores: tests start threads and processes of their own, and a stall must not be our own doing.
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 30_000
  }
})

export default config
