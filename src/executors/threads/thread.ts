import { availableParallelism } from 'node:os'
import { inspect } from 'node:util'
import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { systemClock } from '../../kernel/clock.ts'
import { type Logger, type LogFields, type LogLevel, silentLogger } from '../../kernel/logger.ts'
import { context } from '../../tasks/context.ts'
import { becomeTaskThread } from '../../tasks/loader.ts'
import { toPortable } from '../../wire/portable-error.ts'
import { cloneableError } from '../../wire/uncloneable.ts'
import { RunningCall } from '../running-call.ts'
import { CallRunner } from './call-runner.ts'
import { ClaimBoard } from './claim-board.ts'
import { describeModules } from './manifest.ts'
import type { FromThread, ThreadStart, ToThread } from './messages.ts'
import { OutcomeBox } from './outcome-box.ts'

/**
 * How long a thread that has run dry looks out for the next message before it sleeps, in milliseconds: waking it would cost
 * about as much. On a single core it would only keep the host from writing that message.
 */
const lookout = availableParallelism() > 1 ? 0.05 : 0

/** After this long its own event loop has its turn in any case, in milliseconds. */
const longestLookout = 1

// What runs inside a thread of the pool, from its start to its end.
becomeTaskThread()
if (parentPort) serve(parentPort, workerData as ThreadStart)

function serve(port: MessagePort, start: ThreadStart): void {
  const board = new ClaimBoard(start.board)
  const box = new OutcomeBox(port, systemClock)
  const runner = new CallRunner(start, board, box, systemClock, start.logs ? forwardingLogger(port) : silentLogger)
  const receive = (message: ToThread): void => {
    if (message.describe) void describe(message.describe, box)
    runner.receive(message)
  }
  let posts = 0
  port.on('message', (message: ToThread) => {
    receive(message)
    posts++
    if (start.concurrency > 1 || lookout === 0) return
    const end = systemClock.elapsed() + longestLookout
    let until = systemClock.elapsed() + lookout
    while (runner.idle && systemClock.elapsed() < Math.min(until, end)) {
      if (board.posts === (posts | 0)) continue
      const next: { message: ToThread } | undefined = receiveMessageOnPort(port)
      if (!next) continue
      posts++
      receive(next.message)
      until = systemClock.elapsed() + lookout
    }
  })
  sayWhoEndsIt(box)
  box.flush({ ready: true })
}

/** The call in whose context the thread ends is known while its last handlers run; afterwards nobody could tell. */
function sayWhoEndsIt(box: OutcomeBox): void {
  let culprit: number | undefined
  process.on('uncaughtExceptionMonitor', () => { culprit ??= currentCall() })
  process.on('exit', () => box.flush({ ending: { culprit: culprit ?? currentCall() } }))
}

function currentCall(): number | undefined {
  const own = context()
  return own instanceof RunningCall ? own.seq : undefined
}

async function describe({ id, modules }: NonNullable<ToThread['describe']>, box: OutcomeBox): Promise<void> {
  try {
    box.flush({ described: { id, manifests: await describeModules(modules) } })
  } catch (error) {
    box.flush({ described: { id, error: cloneableError(toPortable(error)) } })
  }
}

function forwardingLogger(port: MessagePort, bindings: LogFields = {}): Logger {
  const at = (level: LogLevel) => (fields: LogFields, message: string): void => {
    const all = { ...bindings, ...fields }
    try {
      port.postMessage({ log: [level, all, message] } satisfies FromThread)
    } catch {
      port.postMessage({ log: [level, { fields: inspect(all) }, message] } satisfies FromThread)
    }
  }
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (more) => forwardingLogger(port, { ...bindings, ...more })
  }
}
