import type { AddressInfo } from 'node:net'
import { dataServer } from './data-server.ts'
import { findDatasets } from './datasets.ts'

// A process of its own: what it does is neither on the caller's loop nor in the caller's processor time.
const server = dataServer(findDatasets())
server.listen(0, '127.0.0.1', () => process.send!({ port: (server.address() as AddressInfo).port }))
process.on('disconnect', () => process.exit())
// Ctrl+C in a terminal reaches every process; the demo decides what ends when.
process.on('SIGINT', () => {})
