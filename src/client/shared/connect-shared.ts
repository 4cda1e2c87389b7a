import type { Backend } from '../../backends/backend.ts'
import { checkWhere, openBackend } from '../../backends/registry.ts'
import { type Clock, systemClock } from '../../kernel/clock.ts'
import { byteCount } from '../../kernel/count.ts'
import { type Duration, milliseconds, waitable } from '../../kernel/duration.ts'
import { InvalidOptionError } from '../../kernel/errors.ts'
import { type Logger, silentLogger } from '../../kernel/logger.ts'
import { checkOptions } from '../../kernel/options.ts'
import { refuseNestedStart } from '../../tasks/own-thread.ts'
import type { Shared } from './shared.ts'

export interface SharedOptions {
  /**
   * How long what this client holds stays its own where nothing is heard of it: it is renewed all the time. Others wait so long for what is held by a program that was killed; and a program
   * that stands still for longer loses what it holds. Default: `'30s'`.
   */
  lease?: Duration
  /** The largest item or value, in bytes. Default: 1 MiB. */
  payloadLimit?: number
  clock?: Clock
  log?: Logger
}

const sharedOptions = { lease: true, payloadLimit: true, clock: true, log: true } as const
const mebibyte = 2 ** 20

/**
 * Connects to what machines share: locks, semaphores, queues, counters, values and events, in a Redis server, or in a SQLite file for the processes of one machine.
 * `memory:` shares within what is connected to that very backend.
 *
 * @param where a URL, or a backend that is open already (and then stays open when this closes), as for `connect`
 * @throws UnknownBackendError, BackendError, InvalidOptionError, NestedStartError
 *
 * @example
 * await using shared = await connectShared('sqlite:app.db', { lease: '10s' })
 * const fence = await shared.lock('report').run(({ fence }) => fence)
 * fence > 0   // true
 */
export async function connectShared(where: string | Backend, options: SharedOptions = {}): Promise<Shared> {
  refuseNestedStart('connectShared()')
  const { lease = '30s', payloadLimit = mebibyte, clock = systemClock, log = silentLogger } = checkOptions('connectShared()', options, sharedOptions)
  checkWhere(where, 'connectShared()')
  byteCount('payloadLimit', payloadLimit)
  const ms = waitable(milliseconds(lease, 'lease'), 'lease')
  if (ms === 0) throw new InvalidOptionError('lease', lease, 'more than 0')
  const { Shared } = await import('./shared.ts')
  const owned = typeof where === 'string'
  const backend = owned ? await openBackend(where, { clock, log, threaded: true }) : where
  return new Shared({ backend, owned, clock, lease: ms, payloadLimit }).start()
}
