/** What workers can be told by remote control. */
export const controlCommands = ['ping', 'active', 'reserved', 'stats', 'registered', 'pause', 'resume', 'shutdown', 'concurrency'] as const

export type ControlCommandName = typeof controlCommands[number]
