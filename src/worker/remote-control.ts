import type { Bus, Hearing } from '../backends/bus.ts'
import { type ControlRequest, answersTopic, controlRequestOf, controlTopic, packControl } from '../backends/control.ts'
import type { Logger } from '../kernel/logger.ts'

/** Does what one command says, and tells what came of it. */
export type Obey = (request: ControlRequest) => { readonly value: unknown, readonly afterwards?: () => void }

/** What is done is logged, and not what is only asked for. */
const changing: ReadonlySet<ControlRequest['command']> = new Set(['pause', 'resume', 'shutdown', 'concurrency'])

interface RemoteControlParts {
  readonly bus: Bus
  readonly worker: string
  readonly log: Logger
  readonly obey: Obey
}

/**
 * Lets those who can write to the backend control this worker. Made only where the worker was told to obey: whoever can ask it to shut down
 * could also keep it from its work.
 */
export class RemoteControl implements Disposable {
  readonly #parts: RemoteControlParts
  #hearing: Hearing | undefined
  #ignored = 0

  constructor(parts: RemoteControlParts) {
    this.#parts = parts
  }

  /** How many messages were none that it understands. */
  get ignored(): number {
    return this.#ignored
  }

  /** Resolves when it hears what is said from then on. */
  async start(): Promise<void> {
    const { bus, log, worker } = this.#parts
    this.#hearing = bus.hear(controlTopic, {
      heard: (message) => this.#heard(message),
      // Whoever asked gets no answer, and asks again.
      missed: () => {},
      failed: (error) => log.debug({ err: error, worker }, 'remote control is over')
    })
    await this.#hearing.ready
  }

  [Symbol.dispose](): void {
    this.#hearing?.[Symbol.dispose]()
  }

  #heard(message: string): void {
    const { bus, worker, log, obey } = this.#parts
    const request = controlRequestOf(message)
    if (!request) {
      // Said once: whoever sends such could fill the log otherwise. `stats` says how many there were.
      if (this.#ignored++ === 0) log.warn({ worker, length: message.length }, 'a message to remote control was not understood, and ignored; others like it are only counted')
      return
    }
    if (request.workers?.includes(worker) === false) return
    if (changing.has(request.command)) log.info({ worker, command: request.command }, 'told so by remote control')
    const { value, afterwards = () => {} } = obey(request)
    const answered = bus.post(answersTopic(request.asker), packControl({ worker, value }))
    answered.catch((error: unknown) => log.warn({ err: error, worker, command: request.command }, 'what came of a command could not be told')).finally(afterwards)
  }
}
