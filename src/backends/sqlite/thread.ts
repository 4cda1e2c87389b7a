import { workerData } from 'node:worker_threads'
import { type LogFields, type LogLevel, type Logger } from '../../kernel/logger.ts'
import { toPortable } from '../../wire/portable-error.ts'
import { cloneableError } from '../../wire/uncloneable.ts'
import type { Watch } from '../store.ts'
import { type Reply, type Request, type ThreadData, TickLine, add, attend, call, dispose, done, ended, failed, hear, heard, heardAhead, listen, log, missed, opening, remove, taken, wake, watch } from './messages.ts'
import { sqlite } from './sqlite-backend.ts'

// What runs inside the thread in which a client's SQLite works: what is asked by message is done by the in-thread backend. Elsewhere
// nothing: a bundler may run it along with the program.
if ((workerData as ThreadData | null)?.entry === 'sqlite') serve(workerData as ThreadData)

function serve({ path, durability, busyTimeout, line: end }: ThreadData): void {
  const line = new TickLine<Reply, Request>(end, false)
  const watches = new Map<number, Watch>()
  const listeners = new Map<number, Disposable>()
  const hearings = new Map<number, Underway & Disposable>()
  const opened = sqlite(path, { durability, busyTimeout, log: lineLogger({}) })
  opened.then(() => line.post([done, opening, undefined]), (error: unknown) => fail(opening, error))

  line.link.listen({
    heard: (request) => void handle(request),
    caughtUp() {},
    closed(why) {
      // What was asked is lost, and nobody can tell what: with the thread, all is.
      if (why !== undefined) throw why
    }
  })

  async function handle(request: Request): Promise<void> {
    const backend = await opened
    const id = request[1]
    switch (request[0]) {
      case call: {
        try {
          // The method is one of the port's, by its type; its arguments are those that the host was given.
          const method = backend[request[2]] as (...args: readonly unknown[]) => Promise<unknown>
          line.post([done, id, await method.apply(backend, [...request[3]])])
        } catch (error) {
          fail(id, error)
        }
        return
      }
      case listen:
        listeners.set(id, backend.listen(request[2], () => line.post([wake, id])))
        // What was published between the host's call and this moment is told to nobody else.
        line.post([wake, id])
        return
      case attend:
        listeners.set(id, backend.attend(request[2], () => line.post([wake, id])))
        line.post([wake, id])
        return
      case watch:
        watches.set(id, backend.watch((endings) => line.post([ended, id, endings]), (error) => fail(id, error)))
        return
      case add:
        watches.get(id)?.add(request[2])
        return
      case remove:
        watches.get(id)?.delete(request[2])
        return
      case hear: {
        const underway = new Underway()
        const hearing = backend.hear(request[2], {
          heard(message) {
            line.post([heard, id, message])
            return underway.sent()
          },
          missed: () => line.post([missed, id]),
          failed: (error) => fail(id, error)
        })
        hearings.set(id, Object.assign(underway, { [Symbol.dispose]: () => hearing[Symbol.dispose]() }))
        hearing.ready.then(() => line.post([done, id, undefined]), (error: unknown) => fail(id, error))
        return
      }
      case taken:
        hearings.get(id)?.taken()
        return
      case dispose:
        for (const open of [watches, listeners, hearings]) {
          open.get(id)?.[Symbol.dispose]()
          open.delete(id)
        }
    }
  }

  function fail(id: number, error: unknown): void {
    line.post([failed, id, cloneableError(toPortable(error))])
  }

  function lineLogger(bindings: LogFields): Logger {
    const at = (level: LogLevel) => (fields: LogFields, message: string): void => {
      try {
        line.post([log, level, { ...bindings, ...fields }, message])
      } catch {
        line.post([log, level, {}, message])
      }
    }
    return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error'), child: (more) => lineLogger({ ...bindings, ...more }) }
  }
}

/** How many messages the host has not taken yet. */
class Underway {
  #count = 0
  #room: PromiseWithResolvers<void> | undefined

  /** Resolves when one more may be sent, where that is not at once. */
  sent(): Promise<void> | undefined {
    if (++this.#count < heardAhead) return undefined
    this.#room = Promise.withResolvers()
    return this.#room.promise
  }

  taken(): void {
    if (--this.#count < heardAhead) this.#room?.resolve()
  }
}
