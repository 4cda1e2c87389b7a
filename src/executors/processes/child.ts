import { writeSync } from 'node:fs'
import { Socket } from 'node:net'
import { SHARE_ENV, Worker } from 'node:worker_threads'
import { systemClock } from '../../kernel/clock.ts'
import { becomeTaskThread } from '../../tasks/own-thread.ts'
import { CallRunner } from '../calls/call-runner.ts'
import { describe, listenersTo, sayWhoEndsIt } from '../calls/inside.ts'
import type { Line } from '../calls/line.ts'
import { type FromRunner, type ToRunner, other } from '../calls/messages.ts'
import { OutcomeBox } from '../calls/outcome-box.ts'
import { type ChildStart, childMark, descriptors } from './child-start.ts'
import { ChildBoard } from './claim-file.ts'
import { FrameReader, FrameWriter } from '../../wire/frames.ts'
import { copying } from '../../wire/uncloneable.ts'
import { killFactor } from './memory-limit.ts'
import { watchdogCode } from './watchdog.ts'

/** How often it says how busy its loop is, in milliseconds, while it says something. */
const tellsEvery = 1_000

// What runs inside a child process, from its start to its end. Elsewhere nothing: a bundler may run it along with the program.
if (process.argv[2]?.startsWith(childMark)) {
  becomeTaskThread()
  serve(JSON.parse(process.argv.splice(2, 1)[0]!.slice(childMark.length)) as ChildStart)
}

function serve(start: ChildStart): void {
  watchdog(start)
  const line = lineToHost()
  const box = new OutcomeBox(line, copying, { ...start.recycle, rss: start.memoryLimit ?? undefined }, systemClock)
  const runner = new CallRunner(start, new ChildBoard(descriptors.claims), box, systemClock, listenersTo(line, systemClock, start.logs))
  const reader = new FrameReader<ToRunner>()
  const inbox = new Socket({ fd: descriptors.inbox, readable: true, writable: false })
  inbox.on('data', (piece: Buffer) => {
    for (const message of reader.push(piece)) {
      if (message[0] === other && message[1].describe) void describe(message[1].describe, box)
      runner.receive(message)
    }
    runner.run()
  })
  inbox.on('close', () => void runner.close().then(() => process.exit()))
  // A signal to the whole group, such as Ctrl+C, is for the host to judge: it may want to let calls end.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})
  sayWhoEndsIt(box)
  box.flush({ ready: true })
}

/** Blocks until all is written: what has been said is on its way, whatever happens next. Where the host is gone, so is this process. */
function writeAll(bytes: Buffer): void {
  try {
    for (let written = 0; written < bytes.length;) written += writeSync(descriptors.outbox, bytes, written)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    // The second, once: where the host left something unread.
    if (code === 'EPIPE' || code === 'ECONNRESET') process.exit()
    throw error
  }
}

/** The way to the host, on which it says now and then how busy its loop is. */
function lineToHost(): Line<FromRunner> {
  const frames = new FrameWriter(writeAll)
  let toldAt = 0
  return {
    write: (message) => frames.write(message),
    post: (message) => frames.post(message),
    flush() {
      const now = systemClock.elapsed()
      if (now - toldAt > tellsEvery) {
        toldAt = now
        frames.post([other, { utilization: performance.eventLoopUtilization().utilization }])
      }
      frames.flush()
    }
  }
}

/** Ends this process when its host ends or it holds far too much, however busy the main thread is. */
function watchdog({ memoryLimit }: ChildStart): void {
  const workerData = { fd: descriptors.lifeline, limit: memoryLimit && memoryLimit * killFactor }
  new Worker(watchdogCode, { eval: true, name: 'treadle watchdog', workerData, execArgv: [], env: SHARE_ENV, resourceLimits: { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 2 } }).unref()
}
