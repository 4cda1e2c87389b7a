import type { Suite } from '../suite.ts'

/** Three tenants with 100,000, 1,000 and 10 jobs, enqueued in this order: when each one's first and last job had ended, in seconds from the worker's start. */
export const suite: Suite = {
  name: 'fairness',
  contenders: [
    { name: 'treadle', module: 'sqlite.ts' },
    { name: 'sqlite without keys', module: 'sqlite-without-keys.ts' },
    { name: 'redis', module: 'redis.ts' },
    { name: 'redis without keys', module: 'redis-without-keys.ts' }
  ],
  cases: [{ name: 'tenants', unit: 's', better: 'lower', against: 'sqlite without keys' }]
}
