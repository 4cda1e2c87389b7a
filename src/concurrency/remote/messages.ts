/** What is asked of the other side, or said to it. Lists, since these are many. */
export type Request =
  /** One call for each argument; the first has this id, each other the next. */
  | readonly [kind: typeof ask, verb: string, id: number, args: unknown[]]
  /** It is not wanted any more; the answer says whether it was done all the same. */
  | readonly [kind: typeof cancel, id: number]
  /** What was given in answer to so many calls, from this one on, has arrived: it is not the other side's any more. */
  | readonly [kind: typeof arrived, id: number, count: number]
  /** What was given in answer to it is given back. */
  | readonly [kind: typeof giveBack, id: number]
  /** Nothing is answered. */
  | readonly [kind: typeof tell, verb: string, args: readonly [unknown]]

export type Answer =
  /** So many calls, from this one on, gave undefined. */
  | readonly [kind: typeof done, id: number, count: number]
  | readonly [kind: typeof gave, id: number, values: unknown[]]
  | readonly [kind: typeof cancelled, id: number]
  | readonly [kind: typeof failed, id: number, code: string, message: string]
  /** Something that nobody asked for now. */
  | readonly [kind: typeof event, name: string]

export type Message = Request | Answer

export const ask = 0
export const cancel = 1
export const arrived = 2
export const giveBack = 3
export const tell = 4
export const done = 5
export const gave = 6
export const cancelled = 7
export const failed = 8
export const event = 9
