import { closeSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { HostBoard } from '../calls/call-host.ts'
import type { Board } from '../calls/call-runner.ts'

// Where in the file the numbers stand, in bytes.
const begun = 0
const takenBackThrough = 8

/** Two numbers in a file that a child process and its host have open: what they know of each other though one may be stuck or dead. */
class Cells {
  readonly #file: number
  readonly #bytes = Buffer.alloc(8)

  constructor(file: number) {
    this.#file = file
  }

  get(at: number): number {
    // A cell that was never written reads as nothing.
    return readSync(this.#file, this.#bytes, 0, 8, at) === 8 ? this.#bytes.readDoubleLE() : 0
  }

  set(at: number, value: number): void {
    this.#bytes.writeDoubleLE(value)
    writeSync(this.#file, this.#bytes, 0, 8, at)
  }
}

/**
 * The host's side of the claims.
 *
 * Calls are numbered from 1, rising, and begin in that order. The child writes the number of each that it is about to begin,
 * then looks whether it was taken back; the host writes how far it takes back, then looks what has begun. Each writes before it
 * looks, so one of them sees the other. Where both do, the child passes the call over and says so, and the host gives it again.
 */
export class ClaimFile implements HostBoard, Disposable {
  /** One call at a time: nobody shares its loop. */
  readonly beats: number = 0
  /** To be handed to the child. */
  readonly file: number
  readonly firstPart = 0
  readonly #cells: Cells
  #last: number | undefined
  /** The last call that was taken back, until it was passed over; else 0. */
  #takenBack = 0

  /** Throws where no temporary file can be made. */
  constructor(name: string) {
    const path = join(tmpdir(), `treadle-${process.pid}-${name}`)
    this.file = openSync(path, 'wx+', 0o600)
    // Without a name it ends with the last process that has it open.
    rmSync(path)
    this.#cells = new Cells(this.file)
  }

  get lastBegun(): number {
    return this.#last ?? this.#cells.get(begun)
  }

  get takingBack(): boolean {
    if (this.#takenBack > 0 && this.#takenBack <= this.lastBegun) this.#takenBack = 0
    return this.#takenBack > 0
  }

  takeBack(lastSent: number): number | undefined {
    if (this.takingBack) return undefined
    if (this.#last === undefined) this.#cells.set(takenBackThrough, lastSent)
    const begun = this.lastBegun
    if (begun < lastSent) this.#takenBack = lastSent
    return begun
  }

  /** The child is no more. */
  [Symbol.dispose](): void {
    this.#last = this.#cells.get(begun)
    closeSync(this.file)
  }
}

/** The child's side. */
export class ChildBoard implements Board {
  firstPart = 0
  readonly #cells: Cells

  constructor(file: number) {
    this.#cells = new Cells(file)
  }

  claim(seq: number): boolean {
    this.#cells.set(begun, seq)
    return seq > this.#cells.get(takenBackThrough)
  }

  beat(): void {}
}
