import type { MessagePort, Transferable } from 'node:worker_threads'
import { afterMicrotasks } from '../after-microtasks.ts'

/** Posts what a tick has to say as one message. */
export class Outbox<Message> {
  readonly #port: MessagePort
  readonly #refused: (message: Message, error: unknown) => void
  readonly #posted: () => void
  #messages: Message[] = []
  #transfer: Transferable[] = []
  #asked = false

  /** @param refused is told of each message that cannot be cloned; the others are posted all the same */
  constructor(port: MessagePort, refused: (message: Message, error: unknown) => void, posted: () => void = () => {}) {
    this.#port = port
    this.#refused = refused
    this.#posted = posted
  }

  /** What was added last and is not posted yet: more may be put into it. */
  get last(): Message | undefined {
    return this.#messages.at(-1)
  }

  add(message: Message, transfer: readonly Transferable[] = []): void {
    this.#messages.push(message)
    for (const each of transfer) this.#transfer.push(each)
    if (this.#asked) return
    this.#asked = true
    afterMicrotasks(() => this.flush())
  }

  flush(): void {
    this.#asked = false
    if (this.#messages.length === 0) return
    const [messages, transfer] = [this.#messages, this.#transfer]
    this.#messages = []
    this.#transfer = []
    if (!this.#post(messages, transfer)) {
      for (const message of messages) this.#post([message], transfer.filter((each) => holds(message, each)))
    }
    this.#posted()
  }

  /** False where one of several cannot be cloned: then none was posted. */
  #post(messages: readonly Message[], transfer: readonly Transferable[]): boolean {
    try {
      this.#port.postMessage(messages, [...transfer])
      return true
    } catch (error) {
      if (messages.length > 1) return false
      this.#refused(messages[0]!, error)
      return true
    }
  }
}

/** Whether it is the one item of the message, or what that is a view of: what else was to be transferred is copied. */
function holds(message: unknown, part: unknown): boolean {
  const { items = [] } = message as { items?: readonly unknown[] }
  const [item] = items
  return item === part || (ArrayBuffer.isView(item) && item.buffer === part)
}
