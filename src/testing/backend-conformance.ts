import type { Backend } from '../backends/backend.ts'
import type { Clock } from '../kernel/clock.ts'
import { VirtualClock } from '../kernel/virtual-clock.ts'
import { afterwardsCases } from './backend-conformance/afterwards.ts'
import type { Cases, TestRunner } from './backend-conformance/bench.ts'
import { busCases, eventTimeCases } from './backend-conformance/bus.ts'
import { cancellingCases } from './backend-conformance/cancelling.ts'
import { closingCases } from './backend-conformance/closing.ts'
import { delayCases } from './backend-conformance/delays.ts'
import { gateCases } from './backend-conformance/gates.ts'
import { handleCases } from './backend-conformance/handles.ts'
import { historyCases } from './backend-conformance/histories.ts'
import { leaseCases } from './backend-conformance/leases.ts'
import { linkCases } from './backend-conformance/links.ts'
import { orderCases } from './backend-conformance/order.ts'
import { publishingCases } from './backend-conformance/publishing.ts'
import { readingCases } from './backend-conformance/reading.ts'
import { scheduleCases } from './backend-conformance/schedules.ts'
import { settlingCases } from './backend-conformance/settling.ts'
import { sharedHistoryCases } from './backend-conformance/shared-histories.ts'
import { sharedLeaseCases, sharedLockCases } from './backend-conformance/shared-locks.ts'
import { sharedQueueCases } from './backend-conformance/shared-queues.ts'
import { sharedClosingCases, sharedHandleCases, sharedWakingCases } from './backend-conformance/shared-sessions.ts'
import { sharedValueCases } from './backend-conformance/shared-values.ts'
import { storyCases } from './backend-conformance/stories.ts'
import { suspectCases } from './backend-conformance/suspects.ts'
import { uniqueCases } from './backend-conformance/unique.ts'
import { wakingCases } from './backend-conformance/waking.ts'

export interface BackendDriver {
  /** The adapter, for the report. */
  readonly name: string
  /**
   * Opens a backend; the suite closes it.
   *
   * @param where names its jobs: a new name has none, and opening one again gives a second handle on the same jobs
   * @param clock what its leases and delays run on: the cases move it. See `Broker`.
   */
  readonly open: (where: string, clock: Clock) => Promise<Backend>
  /** How many random histories are replayed; with a seed that a failure told, the same again. Default: 300, others each time. */
  readonly histories?: { readonly runs: number, readonly seed?: number | undefined }
  /** Cases, or groups of them, that this adapter cannot pass, by name, each with the reason. */
  readonly skip?: Readonly<Record<string, string>>
}

const groups: Readonly<Record<string, Cases>> = {
  publishing: publishingCases,
  order: orderCases,
  settling: settlingCases,
  cancelling: cancellingCases,
  delays: delayCases,
  leases: leaseCases,
  suspects: suspectCases,
  waking: wakingCases,
  afterwards: afterwardsCases,
  gates: gateCases,
  unique: uniqueCases,
  links: linkCases,
  reading: readingCases,
  stories: storyCases,
  schedules: scheduleCases,
  bus: busCases,
  'the bus, as time goes by': eventTimeCases,
  handles: handleCases,
  closing: closingCases,
  histories: historyCases,
  'shared locks': sharedLockCases,
  'shared leases': sharedLeaseCases,
  'shared queues': sharedQueueCases,
  'shared values': sharedValueCases,
  'shared waking': sharedWakingCases,
  'shared handles': sharedHandleCases,
  'shared closing': sharedClosingCases,
  'shared histories': sharedHistoryCases
}

/**
 * The law that every backend keeps, as tests. Needs fast-check for the random histories.
 *
 * @param runner of Vitest, or another of its shape: so that this module needs none
 *
 * @example
 * backendConformance({ name: 'memory', open: async (_where, clock) => memory({ clock }) }, { describe, test, expect })
 */
export function backendConformance({ name, open, histories = { runs: 300 }, skip = {} }: BackendDriver, { describe, test, expect }: TestRunner): void {
  const known = new Set(Object.entries(groups).flatMap(([group, cases]) => [group, ...Object.keys(cases)]))
  for (const skipped of Object.keys(skip)) if (!known.has(skipped)) throw new Error(`the suite has no case '${skipped}'`)
  let places = 0
  describe(`${name} passes the backend conformance suite`, () => {
    for (const [group, cases] of Object.entries(groups)) {
      describe(group, () => {
        for (const [title, run] of Object.entries(cases)) {
          const body = async (): Promise<void> => {
            await using opened = new AsyncDisposableStack()
            const clock = new VirtualClock()
            const openOne = async (where: string): Promise<Backend> => opened.adopt(await open(where, clock), (backend) => backend.close())
            const where = `jobs-${++places}`
            await run({
              expect,
              clock,
              histories,
              backend: await openOne(where),
              another: () => openOne(where),
              fresh() {
                const handles = new AsyncDisposableStack()
                const empty = `jobs-${++places}`
                return {
                  open: async () => handles.adopt(await open(empty, clock), (backend) => backend.close()),
                  [Symbol.asyncDispose]: () => handles.disposeAsync()
                }
              }
            })
          }
          const reason = skip[title] ?? skip[group]
          if (reason === undefined) test(title, body)
          else test.skip(`${title} (${reason})`, body)
        }
      })
    }
  })
}
