import '../kernel/node-version.ts'

export { HealthServer } from './health-server.ts'
export type { HealthServerOptions } from './health-server.ts'
