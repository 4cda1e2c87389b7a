/**
 * What a thread of its own runs in a child process, so that nothing the main thread does can hold it up: it kills the process when
 * the host's end of the lifeline closes, which is when the host is gone, and when the process holds more bytes than `limit`.
 *
 * As text: it loads nothing, neither this package nor a loader nor the bundle that may hold both, and stays as small as it must be.
 */
export const watchdogCode: string = `
  const { Socket } = require('node:net')
  const { workerData: { fd, limit } } = require('node:worker_threads')
  const end = () => process.kill(process.pid, 'SIGKILL')
  const lifeline = new Socket({ fd })
  lifeline.on('close', end).on('error', end).resume()
  const look = () => {
    const held = process.memoryUsage.rss()
    if (held <= limit) return
    lifeline.write(String(held))
    end()
  }
  if (limit !== null) setInterval(look, 50)`
