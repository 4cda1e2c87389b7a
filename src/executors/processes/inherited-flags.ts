/** Flags that are for the program itself: a debugger's port, or code in place of a file. */
const own = /^(--inspect|--watch|--test$|--interactive$|-i$)/
const ownWithCode = /^(--eval|--print|-e|-p|-pe)$/

/** The flags of Node that a child process takes over from this one. */
export function inheritedFlags(flags: readonly string[]): string[] {
  const kept: string[] = []
  for (let index = 0; index < flags.length; index++) {
    const flag = flags[index]!
    if (ownWithCode.test(flag)) index++
    else if (!own.test(flag)) kept.push(flag)
  }
  return kept
}
