/** Wakes the one who waits for it; rung while nobody waits, it wakes who comes next. Nothing is left of waits that are over. */
export class Bell {
  #rung = false
  #wake: (() => void) | undefined

  ring(): void {
    this.#rung = true
    this.#wake?.()
  }

  async wait(): Promise<void> {
    if (!this.#rung) await new Promise<void>((resolve) => { this.#wake = resolve })
    this.#rung = false
    this.#wake = undefined
  }
}
