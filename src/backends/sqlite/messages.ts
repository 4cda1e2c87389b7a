import { afterMicrotasks } from '../../concurrency/after-microtasks.ts'
import { type LinkEnd, PortLink, lookout } from '../../concurrency/threads/port-link.ts'
import type { LogFields, LogLevel } from '../../kernel/logger.ts'
import type { PortableError } from '../../wire/portable-error.ts'
import type { Backend } from '../backend.ts'
import type { Ending } from '../store.ts'
import type { Durability } from './file.ts'

/** What the thread is started with. */
export interface ThreadData {
  readonly entry: 'sqlite'
  readonly path: string
  readonly durability: Durability
  readonly busyTimeout: number
  readonly line: LinkEnd
}

/** The methods of a backend that answer. */
export type Method = { [Name in keyof Backend]: Backend[Name] extends (...args: never[]) => Promise<unknown> ? Name : never }[Exclude<keyof Backend, 'inside' | 'receive'>]

/** To the thread. The id is the asker's: of a call, a listener or a watch. Lists, since these are many. */
export type Request =
  | readonly [kind: typeof call, id: number, method: Method, args: readonly unknown[]]
  | readonly [kind: typeof listen, id: number, queues: readonly string[]]
  | readonly [kind: typeof attend, id: number, session: string]
  | readonly [kind: typeof watch | typeof dispose, id: number]
  | readonly [kind: typeof add | typeof remove, id: number, job: string]
  | readonly [kind: typeof hear, id: number, topic: string]
  | readonly [kind: typeof taken, id: number]

/** From the thread. */
export type Reply =
  | readonly [kind: typeof done, id: number, value: unknown]
  | readonly [kind: typeof failed, id: number, error: PortableError]
  | readonly [kind: typeof wake | typeof missed, id: number]
  | readonly [kind: typeof heard, id: number, message: string]
  | readonly [kind: typeof ended, id: number, endings: readonly Ending[]]
  | readonly [kind: typeof log, level: LogLevel, fields: LogFields, message: string]

export const call = 0
export const listen = 1
export const watch = 2
export const add = 3
export const remove = 4
export const dispose = 5
export const done = 6
export const failed = 7
export const wake = 8
export const ended = 9
export const log = 10
export const attend = 11
export const hear = 12
export const heard = 13
export const taken = 14
export const missed = 15

/** So many messages of one hearing are under way between the two: what comes then stays in the file, which keeps only so much. */
export const heardAhead = 64

/** For so long after a message each side looks for the other's next one, in milliseconds: twice as long as others do, since a transaction takes longer than most answers. */
export const expectation: number = 2 * lookout

/** The id of the reply that says whether the file could be opened. */
export const opening = 0

/** Says at the end of each tick what was posted in it: to wake the other side costs more than what it is woken for. */
export class TickLine<Out extends readonly unknown[], In extends readonly unknown[]> {
  readonly link: PortLink<Out, In>
  readonly #expects: boolean
  #asked = false

  /** @param expects whether what is said is answered soon */
  constructor(end: LinkEnd, expects: boolean) {
    this.link = new PortLink(end, expectation)
    this.#expects = expects
  }

  /** @throws what says why it cannot be sent: then it was not */
  post(message: Out): void {
    this.link.post(message)
    if (this.#asked) return
    this.#asked = true
    afterMicrotasks(() => {
      this.#asked = false
      this.link.flush()
      if (this.#expects) this.link.expect()
    })
  }
}
