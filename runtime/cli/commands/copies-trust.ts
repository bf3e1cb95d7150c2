import { copiesMeant, copyPlace } from '../../backup/copies/places.ts'
import { loadConfig } from '../../config/load.ts'
import { UsageError } from '../../errors.ts'
import type { Io } from '../io.ts'
import { type TrustOptions, trust } from '../vault/trust.ts'

/** `hdsync copies trust`: shows the keys of a vault's host, asks, and writes them down. */
export async function trustCommand(name: string, options: TrustOptions, io: Io): Promise<number> {
  const config = await loadConfig({ path: options.config, env: io.env })
  copiesMeant([name], config)
  const place = copyPlace(config, name)
  if (place.kind === 'disk') throw new UsageError(`copy ${name} is a disk: only a vault has host keys`)
  return await trust({ vault: place.vault, where: 'the vault', about: { copy: name } }, options, io)
}
