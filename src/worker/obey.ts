import type { ControlRequest, HeldAttempt, RegisteredTask, WorkerReport } from '../backends/control.ts'
import type { Place } from '../tasks/task.ts'
import type { ConcurrencyChange } from '../backends/control.ts'
import type { CloseOptions } from '../kernel/service.ts'

/** What of a worker can be controlled from elsewhere. */
export interface Controlled {
  readonly closing: boolean
  readonly paused: boolean
  pause(): void
  resume(): void
  close(options: CloseOptions): Promise<void>
  /** Those that run, or those that wait behind them. */
  attempts(of: 'active' | 'reserved'): readonly HeldAttempt[]
  registered(): readonly RegisteredTask[]
  report(): WorkerReport
  /** @returns how many calls run at once there from now on; undefined where it has no such place */
  resize(place: Place, change: ConcurrencyChange): number | undefined
}

/** More are not listed in one answer. */
const mostListed = 1_000

/** Does what a request says, and gives what is answered; `afterwards` is for when that is said. */
export function obey(worker: Controlled, request: ControlRequest): { readonly value: unknown, readonly afterwards?: () => void } {
  switch (request.command) {
    case 'ping':
      return { value: { paused: worker.paused, closing: worker.closing } }
    case 'active':
    case 'reserved':
      return { value: worker.attempts(request.command).slice(0, mostListed) }
    case 'stats':
      return { value: worker.report() }
    case 'registered':
      return { value: worker.registered() }
    case 'pause':
    case 'resume':
      worker[request.command]()
      return { value: { paused: worker.paused } }
    case 'shutdown':
      return {
        value: { closing: true },
        afterwards: () => void worker.close(request.deadline === undefined ? {} : { deadline: request.deadline })
      }
    case 'concurrency':
      return { value: Object.fromEntries(Object.entries(request.changes).map(([place, change]) => [place, worker.resize(place as Place, change)])) }
  }
}
