/** One way between a host and its runner: what is said arrives in order. What a getter of a message says meanwhile comes before that message, or after it. */
export interface Line<Message> {
  /** Says it, where it is small and plain and there is room. @returns whether it was. Throws what a getter throws. */
  write(message: Message): boolean
  /** Throws, and says nothing, where something in it cannot be sent. */
  post(message: Message, transfer?: readonly ArrayBuffer[]): void
  /** What was said can be seen by who looks; nobody is woken for it. Not every line can. */
  show?(): void
  /** What was said is sent. */
  flush(): void
}
