import type { Broker } from './broker.ts'
import type { Store } from './store.ts'

/** A server or file that is both broker and store. */
export type Backend = Broker & Store
