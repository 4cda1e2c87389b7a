/** The longest. */
const most = 63

/** What has just been unusual may well be so again, and to try in vain costs a round trip: each time, the unusual way is taken a while longer before the usual one is tried. */
export class Detour {
  #left = 0
  #length = 0

  /** Whether the usual way is to be tried. Ask once each time. */
  mayTry(): boolean {
    if (this.#left === 0) return true
    this.#left--
    return false
  }

  /** How that went. */
  tried(didIt: boolean): void {
    this.#length = didIt ? 0 : Math.min(most, 2 * this.#length + 1)
    this.#left = this.#length
  }
}
