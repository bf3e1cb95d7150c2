import { looseMap, wellFormed } from './loose.ts'
import { absolutePath, sourceName } from './names.ts'
import { configSchema } from './schema.ts'
import type { StoreConfig } from './store-config.ts'
import { readYamlLoosely } from './yaml.ts'

const { shape } = configSchema

/** Of a config that says nothing about it. */
export function ordinaryStore(): StoreConfig {
  return { state: shape.state.parse(undefined), functions: shape.functions.parse(undefined), sources: {} }
}

/**
 * What a config that is wrong still says of its event store.
 * @returns undefined when that is not certain: it says nothing, or what it says of the store is wrong.
 */
export function storeConfigIn(text: string): StoreConfig | undefined {
  const { value, whole } = readYamlLoosely(text)
  const map = looseMap.parse(value)
  // The part of a text with a syntax error that says where the store is may be the one that is not read.
  if (Object.keys(map).length === 0 || (!whole && map.state === undefined)) return undefined
  const state = wellFormed(shape.state, map.state)
  const socket = wellFormed(absolutePath, looseMap.parse(map.http).socket)
  const functions = wellFormed(shape.functions, map.functions) ?? ordinaryStore().functions
  const names = Object.keys(looseMap.parse(map.sources)).filter((name) => sourceName.safeParse(name).success)
  if (state === undefined) return undefined
  return {
    state,
    functions,
    sources: Object.fromEntries(names.map((name) => [name, {}])),
    ...(socket !== undefined && { http: { socket } }),
  }
}
