import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { Wakefulness } from '../../concurrency/wakefulness.ts'
import { systemClock } from '../../kernel/clock.ts'
import { type LogFields, type LogLevel, type Logger } from '../../kernel/logger.ts'
import type { Watch } from '../store.ts'
import { Outbox, type Reply, type Request, type ThreadData, expectation, opening } from './messages.ts'
import { sqlite } from './sqlite-backend.ts'
import { toPortable } from '../../wire/portable-error.ts'

// What runs inside the thread in which a client's SQLite works: what is asked by message is done by the in-thread backend. Elsewhere
// nothing: a bundler may run it along with the program.
if (parentPort && (workerData as ThreadData | null)?.entry === 'sqlite') serve(parentPort, workerData as ThreadData)

function serve(port: MessagePort, { path, durability, busyTimeout }: ThreadData): void {
  const replies = new Outbox<Reply>((items) => port.postMessage(items, []), (reply, error) => {
    if (reply.kind === 'done') replies.post({ kind: 'failed', id: reply.id, error: toPortable(error) })
  })
  const watches = new Map<number, Watch>()
  const listeners = new Map<number, Disposable>()

  const log = portLogger({})
  const opened = sqlite(path, { durability, busyTimeout, log })
  opened.then(
    () => replies.post({ kind: 'done', id: opening, value: undefined }),
    (error: unknown) => replies.post({ kind: 'failed', id: opening, error: toPortable(error) })
  )

  const awake = new Wakefulness(systemClock, expectation)
  port.on('message', (requests: readonly Request[]) => {
    awake.stay()
    for (const request of requests) void handle(request)
  })

  async function handle(request: Request): Promise<void> {
    const backend = await opened
    const { id } = request
    switch (request.kind) {
      case 'call': {
        try {
          // The method is one of the port's, by its type; its arguments are those that the host was given.
          const method = backend[request.method] as (...args: readonly unknown[]) => Promise<unknown>
          replies.post({ kind: 'done', id, value: await method.apply(backend, [...request.args]) })
        } catch (error) {
          replies.post({ kind: 'failed', id, error: toPortable(error) })
        }
        return
      }
      case 'listen':
        listeners.set(id, backend.listen(request.queues, () => replies.post({ kind: 'wake', id })))
        // What was published between the host's call and this moment is told to nobody else.
        replies.post({ kind: 'wake', id })
        return
      case 'watch':
        watches.set(id, backend.watch(
          (endings) => replies.post({ kind: 'ended', id, endings }),
          (error) => replies.post({ kind: 'failed', id, error: toPortable(error) })
        ))
        return
      case 'add':
        watches.get(id)?.add(request.job)
        return
      case 'delete':
        watches.get(id)?.delete(request.job)
        return
      case 'dispose':
        for (const open of [watches, listeners]) {
          open.get(id)?.[Symbol.dispose]()
          open.delete(id)
        }
    }
  }

  function portLogger(bindings: LogFields): Logger {
    const at = (level: LogLevel) => (fields: LogFields, message: string): void =>
      replies.post({ kind: 'log', level, fields: { ...bindings, ...fields }, message })
    return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error'), child: (more) => portLogger({ ...bindings, ...more }) }
  }
}
