import { type Clock, type Timer, systemClock } from '../../kernel/clock.ts'
import { formatDuration } from '../../kernel/duration.ts'
import { bar } from '../terminal/bar.ts'
import { LiveLines } from '../terminal/live-lines.ts'

/** One bar: a step of the demo while it runs. */
export interface Bar {
  advance(): void
  end(): void
}

/** Shows how far the demo is. */
export interface Progress extends Disposable {
  bar(name: string, total: number): Bar
  /** A line that stays. */
  say(line: string): void
}

/** Shows nothing: for programs. */
export const silentProgress: Progress = {
  bar: () => ({ advance() {}, end() {} }),
  say() {},
  [Symbol.dispose]() {}
}

interface Shown {
  readonly name: string
  readonly total: number
  readonly began: number
  done: number
  took: number | undefined
}

const nameWidth = 18
const widest = 30
/** What of a line is not its bar: in a narrow terminal the bar gives way, since a line that wraps cannot be redrawn. */
const besideBar = 45
/** A terminal is redrawn no more often than this, and a log hears of a step no more often than that; in milliseconds. */
const redraw = 60
const reminder = 2_500

/** On a terminal bars that move; elsewhere a plain line when a step has ended, and one now and then in a long one. */
export function progressOn(out: NodeJS.WriteStream, clock: Clock = systemClock): Progress {
  return out.isTTY ? new LiveProgress(out, clock) : new PlainProgress(out, clock)
}

function begin(name: string, total: number, clock: Clock): Shown {
  return { name, total, began: clock.elapsed(), done: 0, took: undefined }
}

function counted({ done, total }: Shown): string {
  return `${String(done).padStart(String(total).length)}/${total}`
}

class LiveProgress implements Progress {
  readonly #out: NodeJS.WriteStream
  readonly #clock: Clock
  readonly #lines: LiveLines
  readonly #bars: Shown[] = []
  #due: Timer | undefined

  constructor(out: NodeJS.WriteStream, clock: Clock) {
    this.#out = out
    this.#clock = clock
    this.#lines = new LiveLines(out)
  }

  bar(name: string, total: number): Bar {
    const shown = begin(name, total, this.#clock)
    this.#bars.push(shown)
    this.#soon()
    return {
      advance: () => {
        shown.done++
        this.#soon()
      },
      end: () => {
        shown.took = this.#clock.elapsed() - shown.began
        this.#soon()
      }
    }
  }

  /** Bars that have ended stay where they are; the line comes after them, and further bars after the line. */
  say(line: string): void {
    const settled = this.#bars.findIndex(({ took }) => took === undefined)
    const above = this.#bars.splice(0, settled < 0 ? this.#bars.length : settled)
    this.#draw([...above.map((shown) => this.#line(shown)), line])
  }

  [Symbol.dispose](): void {
    this.#due?.[Symbol.dispose]()
    this.#draw([])
    this.#lines[Symbol.dispose]()
  }

  #soon(): void {
    this.#due ??= this.#clock.after(redraw, () => {
      this.#due = undefined
      this.#draw([])
    })
  }

  #draw(above: readonly string[]): void {
    this.#lines.draw(this.#bars.map((shown) => this.#line(shown)), above)
  }

  #line(shown: Shown): string {
    const { name, done, total, began, took } = shown
    const width = Math.max(0, Math.min(widest, (this.#out.columns ?? 80) - besideBar))
    return `  ${name.padEnd(nameWidth)} ${bar(done, total, width, took === undefined ? 'cyan' : 'green')} ${counted(shown).padStart(9)}  ${formatDuration(took ?? this.#clock.elapsed() - began).padStart(7)}`
  }
}

class PlainProgress implements Progress {
  readonly #out: NodeJS.WriteStream
  readonly #clock: Clock

  constructor(out: NodeJS.WriteStream, clock: Clock) {
    this.#out = out
    this.#clock = clock
  }

  bar(name: string, total: number): Bar {
    const shown = begin(name, total, this.#clock)
    let said = shown.began
    const say = (): void => {
      said = this.#clock.elapsed()
      this.say(`  ${name.padEnd(nameWidth)} ${counted(shown).padStart(9)}  ${formatDuration(said - shown.began).padStart(7)}`)
    }
    return {
      advance: () => {
        shown.done++
        if (this.#clock.elapsed() - said > reminder && shown.done < total) say()
      },
      end: say
    }
  }

  say(line: string): void {
    this.#out.write(`${line}\n`)
  }

  [Symbol.dispose](): void {}
}
