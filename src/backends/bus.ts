/** The topic on which backends tell of all that happens, as `packEvents` writes it, in the order in which it happens. */
export const eventsTopic = 'events'

/** No message holds more events than about this many. */
export const eventsAtOnce = 500

/** Who hears a topic. */
export interface Hearer {
  /** In the order in which messages were posted. Where it gives a promise, a backend that can wait tells nothing more until that resolves. */
  heard(message: string): void | Promise<void>
  /** Something was posted that this hearer was not told: the way there was broken, or it did not keep up. */
  missed(): void
  /** Nothing more will be heard, and why: the backend was closed or lost. */
  failed(error: unknown): void
}

/** Goes on until it is disposed. */
export interface Hearing extends Disposable {
  /** Resolves when all that is posted from then on is heard; rejects where the backend was closed before. */
  readonly ready: Promise<void>
}

/**
 * Carries messages between all who use a backend, in whatever process. They are kept for nobody: where nobody hears a topic, nothing is sent
 * or stored.
 */
export interface Bus {
  /** Resolves when the backend has it. In the order of the calls. */
  post(topic: string, message: string): Promise<void>
  hear(topic: string, hearer: Hearer): Hearing
}
