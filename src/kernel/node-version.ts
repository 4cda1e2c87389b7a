/**
 * Stops an older Node with one clear sentence instead of a syntax or link error from deep inside.
 * Every entry imports this first; nothing here may need a newer Node itself.
 */
const oldest = 24
const running = process.versions.node

if (Number.parseInt(running, 10) < oldest) {
  const error = new Error(`Treadle needs Node ${oldest} or newer, and this is Node ${running}: install the current Node, or add it to the project with "npm install --save-dev node".`)
  throw Object.assign(error, { name: 'UnsupportedNodeError', code: 'UNSUPPORTED_NODE' })
}
