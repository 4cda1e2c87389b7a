import { cut, widthOf } from './text.ts'

const hideCursor = '\u001B[?25l'
const showCursor = '\u001B[?25h'
/** What is between these appears at once, in a terminal that knows them. */
const begin = '\u001B[?2026h'
const end = '\u001B[?2026l'

/** Lines at the bottom of a terminal that are drawn again in place. The cursor is hidden meanwhile, and comes back whatever happens. */
export class LiveLines implements Disposable {
  readonly #out: NodeJS.WriteStream
  #drawn: readonly string[] = []

  constructor(out: NodeJS.WriteStream) {
    this.#out = out
    out.write(hideCursor)
    process.on('exit', this.#restore)
  }

  /** Draws these lines over the ones before; `above` are written first, to stay. */
  draw(lines: readonly string[], above: readonly string[] = []): void {
    const shown = lines.map((line) => cut(line, this.#columns - 1))
    const up = this.#rows
    this.#out.write(`${begin}${up > 0 ? `\u001B[${up}A` : ''}\r${[...above, ...shown].map((line) => `${line}\u001B[K\n`).join('')}\u001B[J${end}`)
    this.#drawn = shown
  }

  /** Leaves what is drawn where it is. */
  [Symbol.dispose](): void {
    process.off('exit', this.#restore)
    this.#restore()
  }

  readonly #restore = (): void => void this.#out.write(showCursor)

  get #columns(): number {
    return this.#out.columns ?? 80
  }

  /** How many rows the drawn lines take now: a terminal that became narrower has broken them. */
  get #rows(): number {
    return this.#drawn.reduce((rows, line) => rows + Math.max(1, Math.ceil(widthOf(line) / this.#columns)), 0)
  }
}
