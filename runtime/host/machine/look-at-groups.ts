import * as z from 'zod'
import { lvmManner } from '../lvm/lvm-manner.ts'
import { lvmOptions, lvmRows } from '../survey.ts'
import type { Ask } from './ask.ts'
import type { MachineRecord, RecordedDevice } from './record.ts'

type Row = Record<string, string>
type Groups = Pick<MachineRecord, 'groups' | 'physicalVolumes' | 'volumes'>

/** The volume groups of this machine, with their physical and logical volumes. */
export async function lookAtGroups(devices: readonly RecordedDevice[], ask: Ask): Promise<Groups> {
  if (!devices.some(({ content }) => content?.type === 'LVM2_member')) {
    return { groups: [], physicalVolumes: [], volumes: [] }
  }
  const report = async (key: string, program: string, columns: string): Promise<Row[]> => {
    const argv = [program, '-o', columns, ...lvmOptions] as const
    const text = await ask({ argv, manner: lvmManner }, program)
    return text === '' ? [] : lvmRows(program, z.record(z.string(), z.string()), text, key)
  }
  const groups = await report('vg', 'vgs', 'vg_name,vg_uuid,vg_extent_size')
  const physical = await report('pv', 'pvs', 'pv_name,pv_uuid,vg_name')
  const segments = await report(
    'lv',
    'lvs',
    'lv_name,vg_name,lv_size,segtype,stripes,pool_lv,origin,chunk_size,lv_metadata_size,lv_tags',
  )
  return {
    groups: groups.map((one) => ({
      name: one.vg_name ?? '',
      uuid: one.vg_uuid ?? '',
      extentBytes: Number(one.vg_extent_size),
    })),
    physicalVolumes: physical
      .filter((one) => one.vg_name)
      .map((one) => ({ device: one.pv_name ?? '', uuid: one.pv_uuid ?? '', group: one.vg_name ?? '' })),
    volumes: volumesOf(segments),
  }
}

/**
 * The volumes of a report of lvs(8). With `segtype` it prints a line for each segment: a volume that lies on two disks, or was
 * extended, has several. The first one tells the type. hdsync's own snapshots are left out: they last for a night.
 */
export function volumesOf(segments: readonly Row[]): MachineRecord['volumes'] {
  const seen = new Set<string>()
  return segments.flatMap((one) => {
    const id = `${one.vg_name}/${one.lv_name}`
    if (seen.has(id) || isOurs(one)) return []
    seen.add(id)
    return [volumeOf(one)]
  })
}

function isOurs({ origin, lv_tags = '' }: Row): boolean {
  return Boolean(origin) && lv_tags.split(',').some((tag) => tag.startsWith('hdsync.'))
}

function volumeOf(one: Row): MachineRecord['volumes'][number] {
  return {
    group: one.vg_name ?? '',
    name: one.lv_name ?? '',
    sizeBytes: Number(one.lv_size),
    type: one.segtype ?? 'linear',
    stripes: Math.max(1, Number(one.stripes) || 1),
    ...(one.pool_lv && { pool: one.pool_lv }),
    ...(one.origin && { origin: one.origin }),
    ...(one.chunk_size && { chunkBytes: Number(one.chunk_size) }),
    ...(one.lv_metadata_size && { metadataBytes: Number(one.lv_metadata_size) }),
  }
}
