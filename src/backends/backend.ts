import type { Broker } from './broker.ts'
import type { Bus } from './bus.ts'
import type { ScheduleStore } from './schedules.ts'
import type { SharedStore } from './shared-store.ts'
import type { Store } from './store.ts'

/**
 * A server or file that is broker, store, bus, and what machines share. Of all that happens in it, it tells on `eventsTopic`: see `jobs/queue-event.ts`.
 *
 * It keeps jobs; what becomes of them `jobs/` decides: `born`, `happen`, `rescue` and `hasExpired` give the job after an event, `lineOf` where
 * it waits, `entryOf` and `historyOf` its history. Where a statement of a server must say the same, the conformance suite compares.
 */
export type Backend = Broker & Store & ScheduleStore & SharedStore & Bus
