import { mount, unmount } from '../../../../runtime/host/mount/mount.ts'
import { readMounts } from '../../../../runtime/host/mount/mountinfo.ts'
import { recordingRunner } from './runner.ts'

/** Mounts or unmounts, for a test in namespaces of its own, and says whether it sees the mount afterwards. */
const [task, folder = ''] = process.argv.slice(2)
const { runner } = recordingRunner()
if (task === 'mount') await mount(runner, { device: 'tmpfs', at: folder, type: 'tmpfs' })
else await unmount(runner, folder)
console.log(readMounts().some(({ at }) => at === folder) ? 'seen' : 'not seen')
