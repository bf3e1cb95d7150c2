import { posix } from 'node:path'
import { type Hint, isPrintable, parsed, text } from './reading.ts'

// A name of digits alone is refused: YAML reads it as a number, and JavaScript would move it to the front.
const NAME = /^(?!\d+$)(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/
const WEEKDAY = /^(?:mon|tues|wednes|thurs|fri|satur|sun)day$/i
const KEPT = /^kept$/i

export const targetName = text(
  'a name of letters, digits, `_`, `.` and `-` (at most 63, not only digits, no `..`)',
  (name) => NAME.test(name),
)

export const sourceName = targetName
  .refine((name) => !WEEKDAY.test(name), {
    error: 'a name that is no weekday',
    params: { hint: 'Monday to Sunday are the folders of the archives' },
  })
  .refine((name) => !KEPT.test(name), {
    error: 'another name than kept',
    params: { hint: 'kept is the folder of the archives that are kept longer' },
  })

export const targetReference = text('the name of a target', (name) => name !== '')

const isNormal = (path: string) => path.startsWith('/') && isPrintable(path) && normal(path) === path
const normal = (path: string) => posix.resolve('/', path)
const suggestNormal: Hint = (path) =>
  path.startsWith('/') && isPrintable(path) ? `write ${normal(path)}` : undefined

/** `/a/b`: no `..`, no `//`, no slash at the end, so that paths can be compared as text. */
export const absolutePath = text('an absolute path', isNormal, suggestNormal)

export const pathBelowRoot = text(
  'an absolute path below /',
  (path) => path !== '/' && isNormal(path),
  (path) => (normal(path) === '/' ? undefined : suggestNormal(path)),
)

const LVM_NAME = String.raw`(?!\.{1,2}(?:/|$))[a-zA-Z0-9+_.][a-zA-Z0-9+_.-]{0,126}`
const VOLUME = new RegExp(`^(${LVM_NAME})/(${LVM_NAME})$`)

/** @see lvm(8), "Valid names" */
export const logicalVolume = parsed(
  'a logical volume as VG/LV, such as vg01/lv_var',
  (volume) => {
    const [, vg, lv] = VOLUME.exec(volume) ?? []
    return vg && lv ? { vg, lv } : undefined
  },
  (volume) => {
    // The device mapper doubles the hyphens of a name and joins group and volume with a single one.
    const [, vg, lv] = /^\/dev\/mapper\/((?:[^-/]|--)+)-((?:[^-/]|--)+)$/.exec(volume) ?? []
    const name = vg && lv ? `${vg}/${lv}`.replaceAll('--', '-') : volume.replace(/^\/dev\//, '')
    return name !== volume && VOLUME.test(name) ? `write ${name}` : undefined
  },
)

const GROUP = new RegExp(`^${LVM_NAME}$`)

export const volumeGroup = text('a volume group such as vg01', (name) => GROUP.test(name))

const DEVICE = /^(?:\/dev\/.+|(?:UUID|LABEL|PARTUUID|PARTLABEL)=[^"'\s]+)$/

export const device = text(
  'a device: /dev/..., UUID=..., LABEL=... or PARTUUID=...',
  (value) => DEVICE.test(value) && isPrintable(value) && (!value.startsWith('/') || isNormal(value)),
)

export const fileSystem = text('a file system type such as ext4', (type) => /^[A-Za-z0-9][\w.-]*$/.test(type))

export const mountOption = text('one mount option such as noatime', (option) =>
  /^[^\s\p{Cc},]+$/u.test(option),
)

// `!` would clear the patterns before it, and `+ x` would include: rsync(1), FILTER RULES.
export const excludePattern = text(
  'an rsync exclude pattern such as cache/ or "*.tmp"',
  (pattern) => isPrintable(pattern) && !/^(?:[-+!] |!$)/.test(pattern),
)

export const commandArgument = text('text', (argument) => !argument.includes('\0'))

export const eventPattern = text('an event type such as run.failed, or a pattern such as run.*', (pattern) =>
  /^[a-z*][a-z0-9*]*(?:\.[a-z0-9*]+)*$/.test(pattern),
)

export const webAddress = text(
  'an address that begins with https:// or http://',
  (address) => /^https?:\/\/\S+$/.test(address) && URL.canParse(address),
)

/** An address of mail, or several that are separated by nothing a header could be smuggled in with. */
export const mailAddress = text('a mail address such as admin@example.org', (address) =>
  /^[^\s\p{Cc}<>,;:"@]+@[^\s\p{Cc}<>,;:"@]+$/u.test(address),
)

export const hostName = text('the name or address of a host', (host) => /^[A-Za-z0-9_.:-]+$/.test(host))

export const ntfyTopic = text(
  'a topic of letters, digits, `_` and `-` (at most 64)',
  (topic) => /^[\w-]{1,64}$/.test(topic),
  () => 'the address of the server belongs into `url`',
)

export const lineOfText = text('a line of text', isPrintable)
