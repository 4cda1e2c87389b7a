import { constants } from 'node:os'
import { systemClock } from '../kernel/clock.ts'
import { type Duration, milliseconds } from '../kernel/duration.ts'
import { InvalidOptionError } from '../kernel/errors.ts'
import { checkOptions } from '../kernel/options.ts'
import { CancelScope } from './cancel-scope.ts'

export interface MainOptions {
  /** How long the program may take to end after a signal; then it is ended. Default: `'10s'`. */
  grace?: Duration
  /** Which signals end it. Default: SIGINT and SIGTERM. */
  signals?: readonly NodeJS.Signals[]
}

const mainOptions = { grace: true, signals: true } as const

/** What shells say of a program that a signal ended: so much and its number. */
const endedBySignal = 128

/**
 * Runs a program: SIGINT and SIGTERM cancel all that it waits for, so that its `finally` blocks and `using` declarations clean up; after the
 * grace, or with a second signal, it is ended.
 *
 * The exit code is that which `body` gives, or `process.exitCode`, or 0; 1 after an error, which is printed; after a signal 128 and its number, as shells have it.
 *
 * @returns the exit code
 * @throws InvalidOptionError
 *
 * @example
 * await main(async () => {
 *   await using group = taskGroup()
 *   group.start(() => sleep('1ms'))
 * }, { signals: [] })   // 0
 */
export async function main(body: (scope: CancelScope) => unknown, options: MainOptions = {}): Promise<number> {
  const { grace = '10s', signals = ['SIGINT', 'SIGTERM'] } = checkOptions('main()', options, mainOptions)
  const ms = milliseconds(grace, 'grace')
  if (typeof body !== 'function') throw new InvalidOptionError('main()', body, 'a function')
  if (!Array.isArray(signals) || !signals.every(canBeHeard)) throw new InvalidOptionError('signals', signals, "a list of signals that can be heard, such as ['SIGTERM']")
  const scope = new CancelScope()
  let signalled: NodeJS.Signals | undefined
  const onSignal = (signal: NodeJS.Signals): void => {
    if (signalled) process.exit(endedBySignal + constants.signals[signal])
    signalled = signal
    // It keeps no program alive that has ended by itself, and ends one that goes on after its body.
    systemClock.after(ms, () => process.exit(endedBySignal + constants.signals[signal]), { background: true })
    scope.cancel(new Error(`the program was told to end by ${signal}`))
  }
  const heard = new Set(signals)
  for (const signal of heard) process.on(signal, onSignal)
  // What waits for nothing but a signal is no end of the program.
  using _alive = systemClock.after(Number.MAX_SAFE_INTEGER, () => {})
  let code: number | undefined
  try {
    const result = await scope.run(body)
    if (Number.isInteger(result)) code = result as number
  } catch (error) {
    console.error(error)
    code = 1
  } finally {
    for (const signal of heard) process.off(signal, onSignal)
  }
  if (signalled && !code) code = endedBySignal + constants.signals[signalled]
  return process.exitCode = code ?? Number(process.exitCode ?? 0)
}

function canBeHeard(signal: NodeJS.Signals): boolean {
  return Object.hasOwn(constants.signals, signal) && signal !== 'SIGKILL' && signal !== 'SIGSTOP'
}
