import { join } from 'node:path'
import { afterAll } from 'vitest'
import type { Backend } from '../../src/backends/backend.ts'
import type { SharedStep } from '../../src/backends/shared-store.ts'
import { memory } from '../../src/backends/memory/memory-backend.ts'
import { redis } from '../../src/backends/redis/redis-backend.ts'
import { sqlite } from '../../src/backends/sqlite/sqlite-backend.ts'
import type { Shared } from '../../src/client/shared/shared.ts'
import { connectShared } from '../../src/client/shared/connect-shared.ts'
import { BackendError } from '../../src/kernel/errors.ts'
import { VirtualClock } from '../../src/kernel/virtual-clock.ts'
import { RedisServer } from '../support/redis-server.ts'
import { sharedFolder } from '../support/temporary-folder.ts'

/** A place where things are shared, in virtual time; and clients of it, each as if it were a program of its own. */
export class Place implements AsyncDisposable {
  readonly clock: VirtualClock = new VirtualClock()
  readonly #open: (clock: VirtualClock) => Promise<Backend>
  readonly #opened = new AsyncDisposableStack()
  readonly #backends: Backend[] = []

  constructor(open: (clock: VirtualClock) => Promise<Backend>) {
    this.#open = open
  }

  async client(lease: number = 3_000): Promise<PlacedClient> {
    const backend = this.#opened.adopt(await this.#open(this.clock), (one) => one.close())
    this.#backends.push(backend)
    const line = new CuttableLine(backend)
    const clock = new StallingClock(this.clock)
    const shared = this.#opened.use(await connectShared(line.backend, { clock, lease }))
    return { shared, line, clock }
  }

  /** Time goes by, no faster than what is asked meanwhile is answered. */
  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 250) {
      await this.clock.advance(Math.min(250, left))
      await Promise.all(this.#backends.map((backend) => backend.read([])))
    }
    await this.clock.advance(0)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#opened.disposeAsync()
  }
}

interface PlacedClient {
  readonly shared: Shared
  readonly line: CuttableLine
  readonly clock: StallingClock
}

/** The way to a backend, which can be cut: what is asked then does not come through, and nothing is heard. Or what is asked comes through, and no answer does. */
class CuttableLine {
  readonly backend: Backend
  isCut = false
  /** Requests with such a step do not come through. */
  refuses: readonly SharedStep['does'][] = []
  /** The answers to requests with such a step are lost. */
  losesAnswersTo: readonly SharedStep['does'][] = []

  constructor(backend: Backend) {
    this.backend = new Proxy(backend, {
      get: (target, name) => {
        if (name === 'share') {
          return async (request: Parameters<Backend['share']>[0]) => {
            const has = (does: readonly SharedStep['does'][]): boolean => request.steps.some((step) => does.includes(step.does))
            const reply = this.isCut || has(this.refuses) ? undefined : await target.share(request)
            if (!reply || has(this.losesAnswersTo)) throw new BackendError('cut')
            return reply
          }
        }
        if (name === 'attend') return (session: string, wake: () => void) => target.attend(session, () => { if (!this.isCut) wake() })
        const value: unknown = Reflect.get(target, name)
        return typeof value === 'function' ? value.bind(target) as unknown : value
      }
    })
  }
}

/** Time that has gone by while a thread stood still, so that no timer could fire. */
class StallingClock {
  stalled = 0
  readonly #clock: VirtualClock

  constructor(clock: VirtualClock) {
    this.#clock = clock
  }

  now(): number {
    return this.#clock.now() + this.stalled
  }

  elapsed(): number {
    return this.#clock.elapsed() + this.stalled
  }

  after(ms: number, callback: () => void): Disposable {
    return this.#clock.after(ms, callback)
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return this.#clock.sleep(ms, signal)
  }
}

let made = 0

/** Where things can be shared; each call is a new place. The server is started where it is asked for, and ends with the tests of the file. */
export function sharedPlaces(): Readonly<Record<'memory' | 'sqlite' | 'redis', () => Place>> {
  const folder = sharedFolder()
  let server: Promise<RedisServer> | undefined
  afterAll(async () => (await server)?.[Symbol.asyncDispose]())
  return {
    memory() {
      let backend: Backend | undefined
      return new Place(async (clock) => backend ??= memory({ clock }))
    },
    sqlite() {
      const path = join(folder, `${++made}.db`)
      return new Place((clock) => sqlite(path, { clock }))
    },
    redis() {
      const prefix = `place-${++made}`
      return new Place(async (clock) => redis((await (server ??= RedisServer.start())).url, { prefix, clock }))
    }
  }
}
