import { InvalidOptionError } from '../kernel/errors.ts'

/** How far a call has come. */
export interface Progress {
  /** What is done, in units of the task's own: rows, bytes, percent. */
  readonly done: number
  /** What there is to do, in the same units, where that is known. */
  readonly total?: number
  /** A word for people. */
  readonly note?: string
}

/** A note is for one line on a screen: what is longer is cut. */
const longestNote = 1_000

/** @throws InvalidOptionError where an amount is not finite or below 0, or the note is no text */
export function progressOf(done: number, total: number | undefined, note: string | undefined): Progress {
  amount('done', done)
  if (total !== undefined) amount('total', total)
  if (note !== undefined && typeof note !== 'string') throw new InvalidOptionError('progress: note', note, 'a text')
  return { done, ...(total === undefined ? {} : { total }), ...(note === undefined ? {} : { note: note.slice(0, longestNote) }) }
}

function amount(name: string, value: unknown): void {
  if (!Number.isFinite(value) || (value as number) < 0) throw new InvalidOptionError(`progress: ${name}`, value, 'a finite number, 0 or more')
}
