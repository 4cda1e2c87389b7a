import '../kernel/node-version.ts'

export { VirtualClock } from '../kernel/virtual-clock.ts'
export { executorConformance } from './executor-conformance.ts'
export type { ExecutorDriver } from './executor-conformance.ts'
export { payloadConformance } from './payload-conformance.ts'
export type { PayloadDriver } from './payload-conformance.ts'
export { backendConformance } from './backend-conformance.ts'
export type { BackendDriver } from './backend-conformance.ts'
