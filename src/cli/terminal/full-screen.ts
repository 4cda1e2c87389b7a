import { cut, widthOf } from './text.ts'

const enter = '\u001B[?1049h\u001B[?25l\u001B[?7l'
const leave = '\u001B[?7h\u001B[?25h\u001B[?1049l'
const begin = '\u001B[?2026h\u001B[H'
const end = '\u001B[J\u001B[?2026l'

/** The line, and nothing after it. Right of a line that is as wide as the terminal there is nothing to clear: it would clear its last character. */
function inRow(line: string, columns: number): string {
  const shown = cut(line, columns)
  return widthOf(shown) < columns ? `${shown}\u001B[K` : shown
}

/** Ends a view: q, Escape and Ctrl+C. */
const ends = new Set(['q', 'Q', '\u001B', '\u0003', '\u0004'])

export interface Screen {
  readonly out: NodeJS.WriteStream
  readonly keys: NodeJS.ReadStream
}

/** The whole terminal, drawn again in place until somebody ends it. What was there before comes back, whatever happens. */
export class FullScreen implements Disposable {
  /** Aborts when the view was ended by a key or a signal. */
  readonly ended: AbortSignal
  readonly #out: NodeJS.WriteStream
  readonly #keys: NodeJS.ReadStream
  readonly #end = new AbortController()
  #lines: (columns: number) => readonly string[] = () => []

  constructor({ out, keys }: Screen) {
    this.#out = out
    this.#keys = keys
    this.ended = this.#end.signal
    out.write(enter)
    out.on('resize', this.#redraw)
    process.on('exit', this.#restore).on('SIGINT', this.#stop).on('SIGTERM', this.#stop).on('SIGHUP', this.#stop)
    if (keys.isTTY) keys.setRawMode(true).setEncoding('utf8').on('data', this.#onKey).resume()
  }

  /** Draws from the top, and again when the terminal changes its size; what does not fit is cut, and said to be. */
  draw(lines: (columns: number) => readonly string[]): void {
    this.#lines = lines
    this.#redraw()
  }

  [Symbol.dispose](): void {
    this.#out.off('resize', this.#redraw)
    process.off('exit', this.#restore).off('SIGINT', this.#stop).off('SIGTERM', this.#stop).off('SIGHUP', this.#stop)
    if (this.#keys.isTTY) this.#keys.off('data', this.#onKey).pause()
    this.#restore()
  }

  readonly #redraw = (): void => {
    const { columns, rows } = this.#out
    const lines = this.#lines(columns)
    const shown = lines.length <= rows ? lines : [...lines.slice(0, rows - 1), `… and ${lines.length - rows + 1} more lines`]
    this.#out.write(`${begin}${shown.map((line) => inRow(line, columns)).join('\r\n')}${end}`)
  }

  readonly #onKey = (text: string): void => {
    if (ends.has(text)) this.#stop()
  }

  readonly #stop = (): void => this.#end.abort()

  readonly #restore = (): void => {
    if (this.#keys.isTTY) this.#keys.setRawMode(false)
    this.#out.write(leave)
  }
}
