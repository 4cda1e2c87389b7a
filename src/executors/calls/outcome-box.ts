import type { Spent } from '../../jobs/job.ts'
import { keptError } from '../../jobs/kept-error.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { RetryRules } from '../../kernel/retry-options.ts'
import type { TaskDefinition } from '../../tasks/task.ts'
import type * as Codec from '../../wire/codec.ts'
import { toPortable } from '../../wire/portable-error.ts'
import { cloneFailure, packWhereNeeded } from '../../wire/sendable.ts'
import { type CopyRules, cloneableError } from '../../wire/uncloneable.ts'
import { retryVerdict } from '../retry-verdict.ts'
import { outcomesPart } from './columns.ts'
import type { FromRunner, SentOutcome } from './messages.ts'
import { pack } from './packed-bytes.ts'

/** The way to the host. */
export interface Outlet {
  /** What can be sent on it. */
  readonly rules: CopyRules
  /** Throws, and sends nothing, where something in the message cannot be sent. */
  post(message: FromRunner, transfer: ArrayBuffer[]): void
}

/** Gathers what a thread or a child process has to say and posts it as one message. */
export class OutcomeBox {
  readonly #outlet: Outlet
  readonly #clock: Clock
  #outcomes: SentOutcome[] = []
  #names: string[] = []
  #parts: Uint8Array[] = []
  #loaded: number[] = []
  #passedOver: number[] = []
  /** When the last message left, on the clock's `elapsed()`. */
  flushedAt = 0

  constructor(outlet: Outlet, clock: Clock) {
    this.#outlet = outlet
    this.#clock = clock
  }

  loaded(task: number): void {
    this.#loaded.push(task)
  }

  passOver(seq: number): void {
    this.#passedOver.push(seq)
  }

  /** @param codec to send the result as bytes */
  returned(seq: number, definition: TaskDefinition, value: unknown, codec: typeof Codec | undefined, { wall, cpu }: Spent): void {
    const { name } = definition
    try {
      if (!codec) {
        const packed = packWhereNeeded(value, resultOf(name), 'result', this.#outlet.rules)
        return this.#add(packed ? [seq, 'packed', packed, wall, cpu] : [seq, 'value', value, wall, cpu], name)
      }
      const bytes = codec.encode(value, resultOf(name), 'result')
      this.#parts.push(bytes)
      this.#add([seq, 'bytes', bytes.length, wall, cpu], name)
    } catch (error) {
      this.threw(seq, error, undefined, { wall, cpu })
    }
  }

  /** @param cut of an attempt at a job: no more of it is sent than the job keeps */
  threw(seq: number, error: unknown, rules: RetryRules | undefined, { wall, cpu }: Spent, cut = false): void {
    const portable = cloneableError(toPortable(error))
    this.#add([seq, retryVerdict(error, rules) ? 'error' : 'finalError', cut ? keptError(portable) : portable, wall, cpu], '')
  }

  flush(more?: FromRunner): void {
    if (this.#outcomes.length === 0 && this.#loaded.length === 0 && this.#passedOver.length === 0 && !more) return
    const bytes = this.#parts.length > 0 ? pack(this.#parts) : undefined
    const { part, transfer } = outcomesPart(this.#outcomes)
    const message: FromRunner = {
      ...more,
      ...part,
      ...(bytes ? { bytes } : {}),
      ...(this.#loaded.length > 0 ? { loaded: this.#loaded } : {}),
      ...(this.#passedOver.length > 0 ? { passedOver: this.#passedOver } : {})
    }
    const moved = bytes ? [...transfer, bytes.buffer] : [...transfer]
    try {
      this.#outlet.post(message, moved)
    } catch {
      // Serializing fails before anything is moved: the same bytes can go again.
      this.#outlet.post({ ...message, outcomes: this.#outcomes.map((outcome, index) => this.#sendable(outcome, this.#names[index]!)) }, moved)
    }
    this.#outcomes = []
    this.#names = []
    this.#parts = []
    this.#loaded = []
    this.#passedOver = []
    this.flushedAt = this.#clock.elapsed()
  }

  #add(outcome: SentOutcome, name: string): void {
    this.#outcomes.push(outcome)
    this.#names.push(name)
  }

  #sendable(outcome: SentOutcome, name: string): SentOutcome {
    const [seq, kind, value, wall, cpu] = outcome
    const failure = kind === 'value' ? cloneFailure(value, resultOf(name), 'result', this.#outlet.rules) : undefined
    return failure ? [seq, 'finalError', toPortable(failure), wall, cpu] : outcome
  }
}

function resultOf(name: string): string {
  return `The result of '${name}'`
}
