import { statfsSync } from 'node:fs'

/** File systems that other machines may have open too, by the number that Linux gives them: statfs(2), linux/magic.h. */
const names: Readonly<Record<number, string>> = {
  0x6969: 'NFS',
  0x517b: 'SMB',
  0xff534d42: 'CIFS',
  0xfe534d42: 'SMB',
  0x5346414f: 'AFS',
  0x73757245: 'Coda',
  0x00c36400: 'Ceph',
  0x0bd00bd0: 'Lustre'
}

/**
 * The name of the network file system that a file or folder is on, where it is on one.
 *
 * @param typeOf how the number of its file system is found
 */
export function networkFileSystem(path: string, typeOf: (path: string) => number = (at) => statfsSync(at).type): string | undefined {
  return process.platform === 'linux' ? names[typeOf(path) >>> 0] : undefined
}
