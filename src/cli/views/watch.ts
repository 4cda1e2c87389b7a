import { systemClock } from '../../kernel/clock.ts'
import { toJson } from '../output.ts'
import { FullScreen } from '../terminal/full-screen.ts'

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
  console.log(json ? toJson(view.record) : view.lines(columnsOf(process.stdout)).join('\n'))
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
  show(last, false)
}

/** A pipe has no width: nothing is cut there. */
function columnsOf(out: NodeJS.WriteStream): number {
  return out.isTTY ? out.columns ?? 80 : Infinity
}
