import { systemClock } from '../../kernel/clock.ts'
import { toJson } from '../output.ts'
import { FullScreen } from '../terminal/full-screen.ts'
import { cut } from '../terminal/text.ts'

/** What there is to see at one moment. */
export interface View {
  /** For programs. */
  readonly record: object
  /** Nothing will change any more. */
  readonly over?: boolean
  /** For people, on lines of so many columns. */
  lines(columns: number): readonly string[]
}

export interface WatchOptions {
  /** Milliseconds between two looks. */
  readonly every: number
  readonly json: boolean
}

/** The view as it stands, once. */
export function show(view: View, json: boolean): void {
  if (json) return console.log(toJson(view.record))
  // A pipe has no width: nothing is cut there.
  const columns = process.stdout.isTTY ? process.stdout.columns : Infinity
  console.log(view.lines(columns).join('\n'))
}

/** Looks again and again: in a terminal in place, until a key ends it; elsewhere one block after the other, or a line of JSON each time. */
export async function watch(look: () => Promise<View>, { every, json }: WatchOptions): Promise<void> {
  if (json || !process.stdout.isTTY) {
    for (;;) {
      const view = await look()
      show(view, json)
      if (view.over) return
      if (!json) console.log()
      await systemClock.sleep(every)
    }
  }
  let last: View
  {
    using screen = new FullScreen({ out: process.stdout, keys: process.stdin })
    do {
      const view = last = await look()
      screen.draw((columns) => view.lines(columns))
      if (!view.over) await systemClock.sleep(every, screen.ended)
    } while (!last.over && !screen.ended.aborted)
  }
  // What was seen last stays.
  const { columns } = process.stdout
  console.log(last.lines(columns).map((line) => cut(line, columns)).join('\n'))
}
