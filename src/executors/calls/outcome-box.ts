import type { Spent } from '../../jobs/job.ts'
import { keptError } from '../../jobs/kept-error.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { RetryRules } from '../../kernel/retry-options.ts'
import type { TaskDefinition } from '../../tasks/task.ts'
import type * as Codec from '../../wire/codec.ts'
import { takeMoved } from '../../wire/moving.ts'
import { toPortable } from '../../wire/portable-error.ts'
import { cloneFailure, packWhereNeeded } from '../../wire/sendable.ts'
import { type CopyRules, cloneableError } from '../../wire/uncloneable.ts'
import { retryVerdict } from '../retry-verdict.ts'
import type { Line } from './line.ts'
import { type FromRunner, type RunnerWord, type SentOutcome, other, returned, returnedEncoded, returnedPacked, threw, threwFinally } from './messages.ts'
import { Wear, type WearLimits } from './wear.ts'

/** Says how calls ended, and what else a thread or a child process has to say. A result is said when it is there: it arrives as it was then, and no two become one. */
export class OutcomeBox {
  readonly #line: Line<FromRunner>
  readonly #rules: CopyRules
  readonly #wear: Wear
  readonly #clock: Clock
  #loaded: number[] = []
  #passedOver: number[] = []
  #unsent = false
  /** Outcomes since the last was sent. */
  #ended = 0
  /** When the last was sent, on the clock's `elapsed()`. */
  flushedAt = 0

  /**
   * @param rules what can be sent on the line
   * @param limits after what it says that it is worn out
   */
  constructor(line: Line<FromRunner>, rules: CopyRules, limits: WearLimits, clock: Clock) {
    this.#wear = new Wear(limits, clock)
    this.#line = line
    this.#rules = rules
    this.#clock = clock
  }

  loaded(task: number): void {
    this.#loaded.push(task)
  }

  passOver(seq: number): void {
    this.#passedOver.push(seq)
  }

  /** @param codec to send the result as bytes */
  returned(seq: number, definition: TaskDefinition, value: unknown, codec: typeof Codec | undefined, spent: Spent): void {
    const { wall, cpu } = spent
    try {
      if (codec) return this.#say([returnedEncoded, seq, codec.encode(value, resultOf(definition), 'result'), wall, cpu])
      const values = [value] as const
      const outcome: SentOutcome = [returned, seq, values, wall, cpu]
      const moved = takeMoved(values)
      if (moved) return this.#post(outcome, moved)
      if (this.#write(outcome)) return
      const packed = packWhereNeeded(value, resultOf(definition), 'result', this.#rules)
      if (packed) this.#say([returnedPacked, seq, packed, wall, cpu])
      else this.#post(outcome)
    } catch (error) {
      this.threw(seq, cloneFailure(value, resultOf(definition), 'result', this.#rules) ?? error, undefined, spent)
    }
  }

  /** @param cut of an attempt at a job: no more of it is sent than the job keeps */
  threw(seq: number, error: unknown, rules: RetryRules | undefined, { wall, cpu }: Spent, cut = false): void {
    const portable = cloneableError(toPortable(error))
    this.#say([retryVerdict(error, rules) ? threw : threwFinally, seq, [cut ? keptError(portable) : portable], wall, cpu])
  }

  /** Sends what was said, and more. */
  flush(more?: RunnerWord): void {
    if (this.#ended > 0) {
      if (this.#wear.after(this.#ended)) more = { ...more, worn: true }
      this.#ended = 0
    }
    const loaded = this.#loaded
    const passedOver = this.#passedOver
    if (loaded.length > 0 || passedOver.length > 0 || more) {
      this.#loaded = []
      this.#passedOver = []
      this.#unsent = true
      this.#line.post([other, { ...more, ...(loaded.length > 0 ? { loaded } : {}), ...(passedOver.length > 0 ? { passedOver } : {}) }])
    }
    if (!this.#unsent) return
    this.#unsent = false
    this.#line.flush()
    this.flushedAt = this.#clock.elapsed()
  }

  #say(outcome: SentOutcome): void {
    if (!this.#write(outcome)) this.#post(outcome)
  }

  #write(outcome: SentOutcome): boolean {
    if (!this.#line.write(outcome)) return false
    this.#ended++
    this.#unsent = true
    this.#line.show?.()
    return true
  }

  #post(outcome: SentOutcome, moved?: readonly ArrayBuffer[]): void {
    this.#line.post(outcome, moved)
    this.#ended++
    this.#unsent = true
  }
}

function resultOf({ name }: TaskDefinition): string {
  return `The result of '${name}'`
}
